# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Which picture shapes the networks of this package can learn from: the one place that says it.

The trainer refuses others; loading a contract only warns, since another family may take them.
"""

from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.schema import Stream

# Edges of a patch in pixels, the largest first: the encoder makes patches of a picture and halves
# their number twice, so a side is a multiple of 4 patches.
PATCHES = (8, 4, 2)
LEAST_PATCHES = 12  # of the shorter side; fewer show nothing
LEAST_SIDE, MOST_SIDE = 32, 256  # pixels


def patch_edge(shape: tuple[int, ...]) -> int:
    """Edge of the patches for pictures [height, width, channels]; 0 where there is none."""
    if len(shape) != 3 or not LEAST_SIDE <= min(shape[:2]) <= max(shape[:2]) <= MOST_SIDE:
        return 0
    for edge in PATCHES:
        whole = all(side % (4 * edge) == 0 for side in shape[:2])
        if whole and min(shape[:2]) // edge >= LEAST_PATCHES:
            return edge
    return 0


def is_learnable(shape: tuple[int, ...]) -> bool:
    """Whether our networks take pictures of this shape [height, width, channels]."""
    return patch_edge(shape) > 0


def shape_problem(stream: Stream) -> str:
    """Why our networks cannot learn from this stream, with the remedy; '' if they can."""
    if stream_kind(stream.kind).form != 'picture' or is_learnable(stream.shape):
        return ''
    return (
        f'streams.{stream.name}.shape is {list(stream.shape)}: the networks of this package learn '
        f'from pictures with sides of {LEAST_SIDE} to {MOST_SIDE} pixels that are multiples of 8; '
        'write the aspect of the camera, such as shape: [48, 64, 3] for 640 x 480, or '
        'shape: [64, 64, 3] and fit: crop (or pad)'
    )
