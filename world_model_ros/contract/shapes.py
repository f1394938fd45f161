# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Which picture shapes the networks of this package can learn from: the one place that says it.

The trainer refuses others; loading a contract only warns, since another family may take them.
"""

from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.schema import Stream

LEARNABLE_SIDES = (32, 64, 128)  # pixels; the encoder halves a square picture down to 4 x 4


def is_learnable(shape: tuple[int, ...]) -> bool:
    """Whether our networks take pictures of this shape [height, width, channels]."""
    return len(shape) == 3 and shape[0] == shape[1] and shape[0] in LEARNABLE_SIDES


def shape_problem(stream: Stream) -> str:
    """Why our networks cannot learn from this stream, with the remedy; '' if they can."""
    if stream_kind(stream.kind).form != 'picture' or is_learnable(stream.shape):
        return ''
    sides = ', '.join(str(side) for side in LEARNABLE_SIDES)
    return (
        f'streams.{stream.name}.shape is {list(stream.shape)}: the networks of this package learn '
        f'from square pictures with sides of {sides}; write shape: [64, 64, 3], and fit: crop (or '
        'pad) where the camera itself is not square'
    )
