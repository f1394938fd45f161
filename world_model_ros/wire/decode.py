# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Message fields to the arrays that the model sees; every refusal names its remedy.

Input: the fields of sensor_msgs/Image and sensor_msgs/JointState and the contract's stream.
Output: uint8 [h, w, 3] or float32 [fields * joints]. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

# Wire encoding -> (bytes per pixel, which channels make red, green, blue).
_ENCODINGS: dict[str, tuple[int, tuple[int, int, int] | None]] = {
    'rgb8': (3, None),
    'bgr8': (3, (2, 1, 0)),
    'rgba8': (4, (0, 1, 2)),
    'bgra8': (4, (2, 1, 0)),
    'mono8': (1, (0, 0, 0)),
}
MAX_PIXELS = 1 << 26  # a larger height * width is a damaged header, not a camera


class StreamError(ValueError):
    """A message that cannot become the stream's array."""

    def __init__(self, stream: str, expected: str, got: str, remedy: str) -> None:
        super().__init__(f'stream {stream!r}: expected {expected}, got {got}; {remedy}')


def decode_image(msg: Any, stream: Stream) -> np.ndarray:
    """An image message (height, width, encoding, step, data) as uint8 [h, w, 3] in RGB."""
    known = _ENCODINGS.get(msg.encoding)
    if known is None:
        raise StreamError(
            stream.name,
            f'an encoding of {", ".join(_ENCODINGS)}',
            repr(msg.encoding),
            'let the driver convert, or put image_proc between',
        )
    pixel_bytes, order = known
    height, width, step = int(msg.height), int(msg.width), int(msg.step)
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise StreamError(
            stream.name, 'a picture', f'height {height}, width {width}', 'check the camera driver'
        )
    row_bytes = width * pixel_bytes
    if step < row_bytes:
        raise StreamError(
            stream.name,
            f'step >= {row_bytes} for {width} {msg.encoding} pixels',
            f'step {step}',
            'the driver must fill in the row length in bytes',
        )
    data = np.frombuffer(msg.data, np.uint8)
    needed = step * (height - 1) + row_bytes  # the last row may come without its padding
    if data.size < needed:
        raise StreamError(
            stream.name,
            f'{needed} bytes of data',
            f'{data.size}',
            'the picture is truncated: check the driver and its transport',
        )
    picture = np.lib.stride_tricks.as_strided(
        data, (height, width, pixel_bytes), (step, pixel_bytes, 1), writeable=False
    )
    want_h, want_w, _ = stream.shape
    if (height, width) != (want_h, want_w):
        picture = _resized(picture, want_h, want_w, stream)
    if order is None:
        return np.array(picture, order='C')  # a copy: the message's bytes are not ours to keep
    return np.ascontiguousarray(picture[:, :, order])


def decode_joints(
    names: Sequence[str],
    position: np.ndarray,
    velocity: np.ndarray,
    effort: np.ndarray,
    stream: Stream,
) -> np.ndarray:
    """Joint values by name, field-major: [position of all names..., velocity of all names...]."""
    names = list(names)
    missing = [name for name in stream.names if name not in names]
    if missing:
        raise StreamError(
            stream.name,
            f'joints {list(stream.names)}',
            f'{names}, without {missing}',
            'correct names in the contract or the joint publisher; joints of several publishers: '
            'give the joints of each a stream of its own, on the same topic',
        )
    columns = [names.index(name) for name in stream.names]
    available = {'position': position, 'velocity': velocity, 'effort': effort}
    out: np.ndarray = np.empty(len(columns) * len(stream.fields), np.float32)
    at = 0
    for field in stream.fields:
        values = available[field]
        if len(values) != len(names):
            raise StreamError(
                stream.name,
                f'{len(names)} values of {field}',
                f'{len(values)}',
                f'the publisher must fill {field}, or take it out of fields',
            )
        for column in columns:
            value = float(values[column])
            if not abs(value) < 3.4e38:  # NaN, infinite, or infinite once it is float32
                raise StreamError(
                    stream.name,
                    f'a finite {field} of {names[column]!r}',
                    f'{value}',
                    'check the sensor and its driver',
                )
            out[at] = value
            at += 1
    return out


def _resized(picture: np.ndarray, height: int, width: int, stream: Stream) -> np.ndarray:
    """The picture in the model's size, cropped or padded first as the stream says."""
    same = picture.shape[0] * width == picture.shape[1] * height
    if not same and stream.fit == 'crop':
        picture = _cropped(picture, height, width)
    elif not same and stream.fit == 'pad':
        return _padded(picture, height, width)
    elif not same:
        raise StreamError(
            stream.name,
            f'{width}x{height} pixels or a multiple of it',
            f'{picture.shape[1]}x{picture.shape[0]}',
            'pictures are not distorted: write fit: crop (the middle of the picture) or fit: pad '
            '(all of it, with black bars) for this stream',
        )
    return _scaled(picture, height, width)


def _cropped(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The largest middle part [h', w', c] that has the aspect of height x width."""
    rows, columns = picture.shape[:2]
    keep_rows = min(rows, max(1, columns * height // width))
    keep_columns = min(columns, max(1, rows * width // height))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    return picture[top : top + keep_rows, left : left + keep_columns]


def _padded(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The whole picture in the middle of a black one [height, width, c]."""
    rows, columns, channels = picture.shape
    inner_rows = min(height, max(1, round(rows * width / columns)))
    inner_columns = min(width, max(1, round(columns * height / rows)))
    top, left = (height - inner_rows) // 2, (width - inner_columns) // 2
    canvas = np.zeros((height, width, channels), np.uint8)
    canvas[top : top + inner_rows, left : left + inner_columns] = _scaled(
        picture, inner_rows, inner_columns
    )
    return canvas


def _scaled(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    cv2 = _cv2()
    resized: np.ndarray = cv2.resize(
        np.ascontiguousarray(picture), (width, height), interpolation=cv2.INTER_AREA
    )
    return resized.reshape(height, width, picture.shape[2])


@functools.cache
def _cv2() -> ModuleType:
    """OpenCV, loaded where a picture must be resized, on the tick's own core only."""
    import cv2

    cv2.setNumThreads(1)
    return cv2
