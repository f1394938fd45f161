# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the bytes of a sensor_msgs/Image to pixels, by its encoding.

Owns the table of encodings and the checks of height, width, step and length. Pixels are a view on
the message wherever no colours must be computed. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from world_model_ros.wire.decode import StreamError
from world_model_ros.wire.kinds.picture_size import cv2_module

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

MAX_PIXELS = 1 << 26  # a larger height * width is a damaged header, not a camera
Order = tuple[int, int, int] | None  # which channels make red, green, blue; None: as they are

# Colours that are in the bytes: encoding -> (bytes per pixel, order).
PLAIN: dict[str, tuple[int, Order]] = {
    'rgb8': (3, None),
    'bgr8': (3, (2, 1, 0)),
    'rgba8': (4, (0, 1, 2)),
    'bgra8': (4, (2, 1, 0)),
    'mono8': (1, (0, 0, 0)),
}
MONO16 = 'mono16'  # its high byte is the grey
# Two bytes a pixel, two pixels share their colour; encoding -> OpenCV's conversion to RGB. The
# two short names are those of Jazzy, which keeps the older ones.
YUV = {
    'yuv422': 'COLOR_YUV2RGB_UYVY',
    'uyvy': 'COLOR_YUV2RGB_UYVY',
    'yuv422_yuy2': 'COLOR_YUV2RGB_YUY2',
    'yuyv': 'COLOR_YUV2RGB_YUY2',
}
# One byte a pixel behind a colour filter; ROS names the first two rows, older OpenCV the second.
BAYER = {
    'bayer_rggb8': 'COLOR_BayerBG2RGB',
    'bayer_bggr8': 'COLOR_BayerRG2RGB',
    'bayer_gbrg8': 'COLOR_BayerGR2RGB',
    'bayer_grbg8': 'COLOR_BayerGB2RGB',
}
ENCODINGS = (*PLAIN, MONO16, *YUV, *BAYER)


class Pixels(NamedTuple):
    """A picture as it came: uint8 [h, w, channels], and which channels make a colour."""

    picture: np.ndarray
    order: Order


def pixels_of(message: Any, stream: Stream) -> Pixels:
    """The pixels of an image message (height, width, encoding, step, data).

    Raises:
        StreamError: an encoding that is none of ENCODINGS, or sizes that do not fit together.
    """
    encoding = message.encoding
    if encoding in PLAIN:
        pixel_bytes, order = PLAIN[encoding]
        return Pixels(rows_of(message, stream, pixel_bytes), order)
    if encoding == MONO16:
        high = 0 if message.is_bigendian else 1
        return Pixels(rows_of(message, stream, 2)[..., high : high + 1], (0, 0, 0))
    if encoding in YUV:
        picture = rows_of(message, stream, 2)
        if picture.shape[1] % 2:
            raise StreamError(
                stream.name,
                f'an even width for {encoding}, where two pixels share a colour',
                f'width {picture.shape[1]}',
                'check the camera driver',
            )
        return Pixels(_converted(picture, YUV[encoding]), None)
    if encoding in BAYER:
        return Pixels(colours_of_mosaic(rows_of(message, stream, 1), encoding, stream), None)
    raise StreamError(
        stream.name,
        f'an encoding of {", ".join(ENCODINGS)}',
        repr(encoding),
        'let the driver convert, or put image_proc between; for distances write kind: depth',
    )


def colours_of_mosaic(mosaic: np.ndarray, encoding: str, stream: Stream) -> np.ndarray:
    """A Bayer picture [h, w, 1] in RGB [h, w, 3]."""
    if min(mosaic.shape[:2]) < 3:
        raise StreamError(
            stream.name,
            f'at least 3 x 3 pixels for {encoding}',
            f'{mosaic.shape[1]}x{mosaic.shape[0]}',
            'check the camera driver',
        )
    return _converted(mosaic[..., 0], BAYER[encoding])


def rows_of(message: Any, stream: Stream, pixel_bytes: int) -> np.ndarray:
    """The bytes of a picture, uint8 [h, w, pixel_bytes], a view on the message.

    Raises:
        StreamError: height, width, step and data do not fit together.
    """
    height, width, step = int(message.height), int(message.width), int(message.step)
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise StreamError(
            stream.name, 'a picture', f'height {height}, width {width}', 'check the camera driver'
        )
    row_bytes = width * pixel_bytes
    if step < row_bytes:
        raise StreamError(
            stream.name,
            f'step >= {row_bytes} for {width} {message.encoding} pixels',
            f'step {step}',
            'the driver must fill in the row length in bytes',
        )
    data = np.frombuffer(message.data, np.uint8)
    needed = step * (height - 1) + row_bytes  # the last row may come without its padding
    if data.size < needed:
        raise StreamError(
            stream.name,
            f'{needed} bytes of data',
            f'{data.size}',
            'the picture is truncated: check the driver and its transport',
        )
    return np.lib.stride_tricks.as_strided(
        data, (height, width, pixel_bytes), (step, pixel_bytes, 1), writeable=False
    )


def _converted(picture: np.ndarray, conversion: str) -> np.ndarray:
    cv2 = cv2_module()
    colours: np.ndarray = cv2.cvtColor(np.ascontiguousarray(picture), getattr(cv2, conversion))
    return colours
