# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kind `image`: pictures of a camera as uint8 [h, w, 3] in RGB.

They come as sensor_msgs/Image in any encoding of pixels.py, or as CompressedImage. Pictures of
another size are scaled, those of another aspect cropped or padded as the stream says; every
refusal names its remedy. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.stream_kind import DRAFT_SHAPE, Companion, Draft, Form, Sensors
from world_model_ros.wire.cdr import COMPRESSED_IMAGE, IMAGE, decode_padded, typestore
from world_model_ros.wire.kinds.packed_picture import (
    camera_topic,
    is_packed,
    packed,
    read_transport,
    unpacked_colours,
)
from world_model_ros.wire.kinds.picture_size import fitted, read_fit, read_shape
from world_model_ros.wire.kinds.pixels import Pixels, pixels_of
from world_model_ros.wire.kinds.stamped import StampedKind

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'


class CameraInfoTopic(NamedTuple):
    """Where a camera publishes its calibration, by the convention of image_transport."""

    topic: str
    role: str = 'info'
    type: str = CAMERA_INFO


class CameraKind(StampedKind):
    """What pictures of colours and of distances share."""

    form: Form = 'picture'
    units = 'uint8'
    large = True

    def type_of(self, stream: Stream) -> str:
        """CompressedImage where the transport is compressed."""
        return COMPRESSED_IMAGE if is_packed(stream) else IMAGE

    def takes(self, type_name: str) -> bool:
        """Raw and compressed pictures."""
        return type_name in (IMAGE, COMPRESSED_IMAGE)

    def draft(self, type_name: str, messages: Sequence[bytes]) -> tuple[Draft, ...]:
        """With the size that the camera sends."""
        if type_name != IMAGE or not messages:
            return super().draft(type_name, messages)
        picture = decode_padded(IMAGE, messages[-1])
        keys: dict[str, Any] = {'shape': list(DRAFT_SHAPE)}
        if picture.width == picture.height:
            return (Draft(keys),)
        came = f'{picture.width}x{picture.height} {picture.encoding} pictures'
        doubt = f'the middle of the {came}; fit: pad keeps all of it'
        return (Draft({**keys, 'fit': 'crop'}, {'fit': doubt}),)

    def companions(self, stream: Stream) -> tuple[Companion, ...]:
        """The camera's calibration."""
        parts = camera_topic(stream).split('/')[:-1]
        return (CameraInfoTopic('/'.join([*parts, 'camera_info'])),)


class ImageKind(CameraKind):
    """Pictures of colours."""

    name = 'image'
    message_type = IMAGE
    keys = ('shape', 'encoding', 'fit', 'transport')
    records = ('raw', 'compressed', 'model_input')
    rendered = True

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `shape`, `encoding`, `fit` and `transport`."""
        details: dict[str, Any] = {
            'shape': read_shape(section),
            'encoding': section.choice('encoding', ('rgb8',), 'rgb8'),
            'fit': read_fit(section),
        }
        transport = read_transport(section)
        return (
            details if transport == 'raw' else {**details, 'options': _packed_options(transport)}
        )

    def interface(self, stream: Stream) -> dict[str, Any]:
        """Encoding, and how another aspect is fitted; not how the pictures travel."""
        fit = {} if stream.fit == 'none' else {'fit': stream.fit}
        return {'encoding': stream.encoding, 'units': self.units, **fit}

    def words(self, stream: Stream) -> str:
        """Size and fit."""
        height, width, _ = stream.shape
        what = f'{stream.encoding} pictures, {height} high and {width} wide for the model'
        return what if stream.fit == 'none' else f'{what} ({stream.fit})'

    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The picture as the model sees it."""
        if is_packed(stream):
            return _seen(unpacked_colours(message, stream), stream)
        return decode_image(message, stream)

    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """An rgb8 picture; where the transport is compressed, one without loss."""
        if is_packed(stream):
            return packed(header, array[..., ::-1], 'rgb8; png compressed bgr8')
        height, width, channels = array.shape
        flat = np.ascontiguousarray(array).reshape(-1)
        kind = typestore().types[IMAGE]
        return kind(header, height, width, 'rgb8', 0, width * channels, flat)

    def simulated(self, stream: Stream, robot: Sensors, t_ns: int) -> bytes:
        """What the camera sees."""
        return self.encode(stream, robot.image(stream), t_ns)


def _packed_options(transport: str) -> tuple[tuple[str, str], ...]:
    return (('transport', transport),)


def decode_image(msg: Any, stream: Stream) -> np.ndarray:
    """An image message (height, width, encoding, step, data) as uint8 [h, w, 3] in RGB."""
    return _seen(pixels_of(msg, stream), stream)


def _seen(pixels: Pixels, stream: Stream) -> np.ndarray:
    picture = fitted(pixels.picture, stream)
    if pixels.order is None:
        return np.array(picture, order='C')  # a copy: the message's bytes are not ours to keep
    return np.ascontiguousarray(picture[:, :, pixels.order])
