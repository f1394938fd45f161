# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A picture in the size that the model sees: scaled, cropped or padded as its stream says.

Owns OpenCV as the tick uses it: one thread. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.wire.decode import StreamError

if TYPE_CHECKING:
    from world_model_ros.contract import Stream
    from world_model_ros.contract.problems import Section

MAX_SIDE_PIXELS = 1024  # of a picture as the model sees it, not of the camera's
Scale = Callable[[np.ndarray, int, int], np.ndarray]  # picture [h, w, c], height, width


def read_shape(section: Section) -> tuple[int, int, int]:
    """Read `shape` of a robot file: [height, width, 3]."""
    shape = section.get('shape')
    sound = (
        isinstance(shape, list)
        and len(shape) == 3
        and all(isinstance(side, int) and not isinstance(side, bool) for side in shape)
        and all(1 <= side <= MAX_SIDE_PIXELS for side in shape[:2])
        and shape[2] == 3
    )
    if not sound:
        section.note(
            'shape',
            shape,
            f'[height, width, 3], sides up to {MAX_SIDE_PIXELS}',
            'write the size that the model sees, such as [64, 64, 3]',
        )
        return 1, 1, 3
    return shape[0], shape[1], 3


def read_fit(section: Section) -> Any:
    """Read `fit` of a robot file; `native` and `none` are two words for one meaning."""
    fit = section.choice('fit', ('none', 'native', 'crop', 'pad'), 'none')
    return 'none' if fit == 'native' else fit


def averaged(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Each pixel is the mean of what it covers."""
    cv2 = cv2_module()
    resized: np.ndarray = cv2.resize(
        np.ascontiguousarray(picture), (width, height), interpolation=cv2.INTER_AREA
    )
    return resized.reshape(height, width, picture.shape[2])


def nearest(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Each pixel is the one at its centre: nothing is mixed."""
    rows = (2 * np.arange(height) + 1) * picture.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * picture.shape[1] // (2 * width)
    return picture[rows[:, None], columns]


def fitted(picture: np.ndarray, stream: Stream, scale: Scale = averaged) -> np.ndarray:
    """The picture [h, w, c] in the stream's size, cropped or padded with zeros as it says.

    Raises:
        StreamError: its aspect is another one, and the stream says nothing of that.
    """
    height, width = stream.shape[:2]
    if picture.shape[:2] == (height, width):
        return picture
    same = picture.shape[0] * width == picture.shape[1] * height
    if not same and stream.fit == 'crop':
        picture = _cropped(picture, height, width)
    elif not same and stream.fit == 'pad':
        return _padded(picture, height, width, scale)
    elif not same:
        raise StreamError(
            stream.name,
            f'{width}x{height} pixels or a multiple of it',
            f'{picture.shape[1]}x{picture.shape[0]}',
            'pictures are not distorted: write fit: crop (the middle of the picture) or fit: pad '
            '(all of it, with black bars) for this stream',
        )
    return scale(picture, height, width)


def _cropped(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The largest middle part [h', w', c] that has the aspect of height x width."""
    rows, columns = picture.shape[:2]
    keep_rows = min(rows, max(1, columns * height // width))
    keep_columns = min(columns, max(1, rows * width // height))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    return picture[top : top + keep_rows, left : left + keep_columns]


def _padded(picture: np.ndarray, height: int, width: int, scale: Scale) -> np.ndarray:
    """The whole picture in the middle of a black one [height, width, c]."""
    rows, columns, channels = picture.shape
    inner_rows = min(height, max(1, round(rows * width / columns)))
    inner_columns = min(width, max(1, round(columns * height / rows)))
    top, left = (height - inner_rows) // 2, (width - inner_columns) // 2
    canvas = np.zeros((height, width, channels), np.uint8)
    canvas[top : top + inner_rows, left : left + inner_columns] = scale(
        picture, inner_rows, inner_columns
    )
    return canvas


@functools.cache
def cv2_module() -> ModuleType:
    """OpenCV, loaded where a picture must be resized or converted, on the tick's core only."""
    import cv2

    cv2.setNumThreads(1)
    return cv2
