# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kind `depth`: distances of a depth camera as a picture uint8 [h, w, 3].

The three channels are equal. 0: nothing was measured (0, NaN, negative). 1 to 255: from the nearer
end of `range` to the farther one, in equal steps of distance; what is nearer or farther counts as
that end (REP 117: -inf is too near, +inf too far). No two distances are mixed: a smaller picture
takes the pixel at each centre. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.stream_kind import Draft
from world_model_ros.wire.cdr import IMAGE, typestore
from world_model_ros.wire.kinds.distances import read_range
from world_model_ros.wire.kinds.image import CameraKind
from world_model_ros.wire.kinds.packed_picture import is_packed, packed, read_transport, unpacked
from world_model_ros.wire.kinds.picture_size import (
    cv2_module,
    fitted,
    nearest,
    read_fit,
    read_shape,
)
from world_model_ros.wire.kinds.pixels import rows_of
from world_model_ros.wire.kinds.stamped import refusal

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

# Encoding -> (type without byte order, unit by REP 118); some drivers say mono16 for 16UC1.
_ENCODINGS = {'16UC1': ('u2', 'mm'), 'mono16': ('u2', 'mm'), '32FC1': ('f4', 'm')}
_METRES = {'mm': 0.001, 'm': 1.0}
DRAFT_RANGE = (0.2, 4.0)  # m, of a camera at an arm or a base
_STEPS = 254  # from the near to the far end
# Of compressed_depth_image_transport: format (0: PNG), and the two constants of inverse depth.
_PACKED_HEADER = struct.Struct('<iff')
_PNG_FORMAT = 0


class DepthKind(CameraKind):
    """Pictures of distances."""

    name = 'depth'
    message_type = IMAGE
    keys = ('shape', 'range', 'unit', 'fit', 'transport')

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `shape`, `range`, `unit`, `fit` and `transport`."""
        transport = read_transport(section)
        unit = section.choice('unit', ('by_encoding', *_METRES), 'by_encoding')
        return {
            'shape': read_shape(section),
            'fit': read_fit(section),
            'options': (
                ('range', read_range(section)),
                *((('unit', unit),) if unit != 'by_encoding' else ()),
                *((('transport', transport),) if transport != 'raw' else ()),
            ),
        }

    def draft(self, type_name: str, messages: Sequence[bytes]) -> tuple[Draft, ...]:
        """As of colours, with a range to be checked."""
        doubt = 'how near and far it must see, in metres: guessed'
        return tuple(
            Draft({**part.keys, 'range': list(DRAFT_RANGE)}, {**part.doubts, 'range': doubt})
            for part in super().draft(type_name, messages)
        )

    def interface(self, stream: Stream) -> dict[str, Any]:
        """The range, and how another aspect is fitted; not what the camera sends."""
        return {
            'units': self.units,
            'range': list(dict(stream.options)['range']),
            'fit': stream.fit,
        }

    def words(self, stream: Stream) -> str:
        """Size and range."""
        height, width, _ = stream.shape
        near, far = dict(stream.options)['range']
        return f'distances from {near:g} to {far:g} m, {height} high and {width} wide'

    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The distances as the model sees them."""
        if is_packed(stream):
            picture, metres = _unpacked_distances(message, stream)
        else:
            picture, metres = _distances(message, stream)
        seen = np.ascontiguousarray(fitted(picture, stream, nearest))  # [h, w, bytes]
        return _grey(metres(seen), dict(stream.options)['range'])

    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """Metres in 32FC1; where the transport is compressed, 16UC1 in steps of the unit.

        Those steps are a millimetre: a range of less than 0.6 m loses some of the 254.
        """
        near, far = dict(stream.options)['range']
        grey: np.ndarray = array[..., 0].astype(np.float64)
        metres = np.where(grey > 0, near + (grey - 1) / _STEPS * (far - near), np.nan)
        height, width = grey.shape
        if is_packed(stream):
            scale = _METRES[dict(stream.options).get('unit', 'mm')]
            numbers: np.ndarray = (
                np.nan_to_num(np.rint(metres / scale)).clip(0, 65535).astype(np.uint16)
            )
            before = _PACKED_HEADER.pack(_PNG_FORMAT, 0.0, 0.0)
            return packed(header, numbers, '16UC1; compressedDepth png', before)
        data = metres.astype('<f4').view(np.uint8).reshape(-1)
        kind = typestore().types[IMAGE]
        return kind(header, height, width, '32FC1', 0, width * 4, data)


class _Metres:
    """What makes metres, float64 [h, w], of the bytes [h, w, n] of a depth picture."""

    def __init__(
        self, dtype: str, scale: float, inverse: tuple[float, float] | None = None
    ) -> None:
        self.dtype, self.scale, self.inverse = np.dtype(dtype), scale, inverse

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        with np.errstate(all='ignore'):  # NaN is expected
            numbers: np.ndarray = picture.view(self.dtype)[..., 0].astype(np.float64)
            if self.inverse is None:
                return np.asarray(numbers * self.scale)
            a, b = self.inverse
            return np.where(numbers > 0, a / (numbers - b), np.nan) * self.scale


def _distances(message: Any, stream: Stream) -> tuple[np.ndarray, _Metres]:
    """Bytes [h, w, n] of an Image, and what makes metres of them."""
    dtype, scale = _number(message.encoding, stream)
    picture = rows_of(message, stream, np.dtype(dtype).itemsize)
    return picture, _Metres(('>' if message.is_bigendian else '<') + dtype, scale)


def _number(encoding: str, stream: Stream) -> tuple[str, float]:
    """Type of a distance, and how many metres its unit has."""
    known = _ENCODINGS.get(encoding)
    if known is None:
        raise refusal(
            stream,
            'encoding',
            f'one of {", ".join(_ENCODINGS)}',
            repr(encoding[:80]),
            'take the topic of the distances, such as depth/image_rect_raw; for colours write '
            'kind: image',
        )
    dtype, unit = known
    return dtype, _METRES[dict(stream.options).get('unit', unit)]


def _unpacked_distances(message: Any, stream: Stream) -> tuple[np.ndarray, _Metres]:
    """As `_distances`, of a CompressedImage: compressedDepth, or a plain PNG of 16 bits."""
    original, _, rest = message.format.partition(';')
    encoding = original.strip()
    data, inverse = np.frombuffer(message.data, np.uint8), None
    if 'compressedDepth' in rest:
        if data.size < _PACKED_HEADER.size:
            raise refusal(
                stream, 'data', 'compressedDepth with its header of 12 bytes',
                f'{data.size} bytes', 'check the driver and its transport',
            )  # fmt: skip
        _, a, b = _PACKED_HEADER.unpack_from(data.tobytes()[: _PACKED_HEADER.size])
        data = data[_PACKED_HEADER.size :]
        if encoding == '32FC1':
            inverse = (float(a), float(b))
    _, scale = _number(encoding, stream)
    picture = unpacked(message, data, stream, cv2_module().IMREAD_UNCHANGED)
    if picture.ndim != 2 or picture.dtype != np.uint16:
        raise refusal(
            stream, 'data', 'one channel of 16 bits', f'{picture.dtype} {list(picture.shape)}',
            'publish distances as compressedDepth: a JPEG cannot hold them',
        )  # fmt: skip
    if encoding == '32FC1' and inverse is None:
        raise refusal(
            stream, 'format', 'compressedDepth for 32FC1', repr(message.format[:80]),
            'take the topic that ends in /compressedDepth',
        )  # fmt: skip
    bytes_ = np.ascontiguousarray(picture).view(np.uint8).reshape(*picture.shape, 2)
    return bytes_, _Metres('=u2', scale, inverse)


def _grey(metres: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """Distances [h, w] as grey [h, w, 3]."""
    near, far = ends
    nothing = np.isnan(metres) | (np.isfinite(metres) & (metres <= 0.0))
    share = (np.clip(np.where(nothing, near, metres), near, far) - near) / (far - near)
    grey = np.where(nothing, 0, 1 + np.rint(_STEPS * share)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
