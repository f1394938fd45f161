# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kind `image`: pictures of sensor_msgs/Image as uint8 [h, w, 3] in RGB.

Pictures of another size are scaled, those of another aspect cropped or padded as the stream says;
every refusal names its remedy. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.stream_kind import DRAFT_SHAPE, Companion, Draft, Form, Sensors
from world_model_ros.wire.cdr import IMAGE, decode, typestore
from world_model_ros.wire.decode import StreamError
from world_model_ros.wire.kinds.stamped import StampedKind

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
MAX_SIDE_PIXELS = 1024  # of a picture as the model sees it, not of the camera's
# Wire encoding -> (bytes per pixel, which channels make red, green, blue).
_ENCODINGS: dict[str, tuple[int, tuple[int, int, int] | None]] = {
    'rgb8': (3, None),
    'bgr8': (3, (2, 1, 0)),
    'rgba8': (4, (0, 1, 2)),
    'bgra8': (4, (2, 1, 0)),
    'mono8': (1, (0, 0, 0)),
}
MAX_PIXELS = 1 << 26  # a larger height * width is a damaged header, not a camera


class CameraInfoTopic(NamedTuple):
    """Where a camera publishes its calibration, by the convention of image_transport."""

    topic: str
    role: str = 'info'
    type: str = CAMERA_INFO


class ImageKind(StampedKind):
    """Pictures of a camera."""

    name = 'image'
    message_type = IMAGE
    form: Form = 'picture'
    units = 'uint8'
    keys = ('shape', 'encoding', 'fit')
    records = ('raw', 'compressed', 'model_input')
    large = True

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `shape`, `encoding` and `fit`."""
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
            shape = [1, 1, 3]
        fit = section.choice('fit', ('none', 'native', 'crop', 'pad'), 'none')
        return {
            'shape': tuple(shape),
            'encoding': section.choice('encoding', ('rgb8',), 'rgb8'),
            'fit': 'none' if fit == 'native' else fit,  # two words for one meaning
        }

    def interface(self, stream: Stream) -> dict[str, Any]:
        """Encoding, and how another aspect is fitted."""
        fit = {} if stream.fit == 'none' else {'fit': stream.fit}
        return {'encoding': stream.encoding, 'units': self.units, **fit}

    def words(self, stream: Stream) -> str:
        """Size and fit."""
        height, width, _ = stream.shape
        what = f'{stream.encoding} pictures, {height} high and {width} wide for the model'
        return what if stream.fit == 'none' else f'{what} ({stream.fit})'

    def companions(self, stream: Stream) -> tuple[Companion, ...]:
        """The camera's calibration."""
        return (CameraInfoTopic('/'.join([*stream.topic.split('/')[:-1], 'camera_info'])),)

    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The picture as the model sees it."""
        return decode_image(message, stream)

    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """An rgb8 picture."""
        height, width, channels = array.shape
        flat = np.ascontiguousarray(array).reshape(-1)
        kind = typestore().types[IMAGE]
        return kind(header, height, width, 'rgb8', 0, width * channels, flat)

    def draft(self, type_name: str, messages: Sequence[bytes]) -> tuple[Draft, ...]:
        """With the size that the camera sends."""
        if type_name != IMAGE or not messages:
            return super().draft(type_name, messages)
        picture = decode(IMAGE, messages[-1])
        keys: dict[str, Any] = {'shape': list(DRAFT_SHAPE)}
        if picture.width == picture.height:
            return (Draft(keys),)
        came = f'{picture.width}x{picture.height} {picture.encoding} pictures'
        doubt = f'the middle of the {came}; fit: pad keeps all of it'
        return (Draft({**keys, 'fit': 'crop'}, {'fit': doubt}),)

    def simulated(self, stream: Stream, robot: Sensors, t_ns: int) -> bytes:
        """What the camera sees."""
        return self.encode(stream, robot.image(stream), t_ns)


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
