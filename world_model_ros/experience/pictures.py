# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that a bag holds in another form than the agent received them.

Owns what `record: compressed` and `record: model_input` look like in a bag, and the way back to an
Image that the agent's own code decodes. `model_input` is the picture as the model sees it, made by
that same code, so nothing is lost; `compressed` is what the driver's transport publishes, without
loss (PNG) or with it (JPEG). Must not import ROS or torch.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

from world_model_ros.contract import Recording, Stream
from world_model_ros.experience.bag import Topic
from world_model_ros.experience.episode_limits import PICTURE_PIXELS
from world_model_ros.wire.cdr import IMAGE, MessageError, decode, encode, typestore
from world_model_ros.wire.decode import StreamError, decode_stream

COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
COMPRESSED_SUFFIX = '/compressed'  # where image_transport publishes, beside the raw topic
# Not the camera's own topic: these messages never were on it.
MODEL_INPUT_SUFFIX = '/model_input'
_PNG = b'\x89PNG\r\n\x1a\n'
HEADER_BYTES = 1 << 18  # before a JPEG's size come its comments and EXIF, 64 KiB each
# OpenCV's channel orders by number of channels; none is converted, the agent's decoder does that.
_ENCODINGS = {1: 'mono8', 3: 'bgr8', 4: 'bgra8'}


def stored_form(topic: Topic) -> Recording:
    """In which form a topic of a bag holds its stream, by what the bag itself says."""
    if topic.type == COMPRESSED_IMAGE:
        return 'compressed'
    if topic.type == IMAGE and topic.name.endswith(MODEL_INPUT_SUFFIX):
        return 'model_input'
    return 'raw'


def model_input(stream: Stream, cdr: bytes) -> bytes:
    """An Image message as the model sees it: rgb8, the stream's size, the original header.

    What the agent cannot decode either comes back as it is, for the bag to show what was sent.
    """
    try:
        pixels = decode_stream(stream, cdr)
        header = decode(IMAGE, cdr).header
    except (StreamError, MessageError):
        return cdr
    return _image(header, 'rgb8', pixels)


def decompressed(cdr: bytes) -> tuple[bytes, bool]:
    """A CompressedImage as an Image, and whether its compression loses nothing.

    Raises:
        MessageError: it is no such message, or holds no picture of 8 bits a channel.
    """
    message = decode(COMPRESSED_IMAGE, cdr)
    data = np.asarray(message.data, np.uint8)
    pixels = unpacked_picture(data, f'format {message.format!r}')
    lossless = data[: len(_PNG)].tobytes() == _PNG
    return _image(message.header, _ENCODINGS[pixels.shape[2]], pixels), lossless


def unpacked_picture(data: np.ndarray, what: str) -> np.ndarray:
    """The pixels of a PNG or JPEG, uint8 [h, w, 1, 3 or 4] in OpenCV's order of channels.

    Raises:
        MessageError: it is none, or too large; `what` says whose it is.
    """
    pixels_announced = _announced_pixels(data[:HEADER_BYTES].tobytes())
    if pixels_announced > PICTURE_PIXELS:
        raise MessageError(
            f'a compressed picture of {pixels_announced} pixels, at most {PICTURE_PIXELS} are read'
        )
    try:
        # Unchanged: no turning by EXIF, no dropped channels. The agent got the camera's own.
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error as error:
        raise MessageError(f'a picture that cannot be decompressed: {error}') from error
    if pixels is None or pixels.dtype != np.uint8:
        raise MessageError(
            f'expected a compressed picture of 8 bits a channel, got {data.size} bytes of {what}'
        )
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]
    if pixels.shape[2] not in _ENCODINGS:
        raise MessageError(f'a compressed picture of {pixels.shape[2]} channels')
    return pixels


def _announced_pixels(head: bytes) -> int:
    """What the header of a PNG or JPEG says, before OpenCV takes memory for it; 0 for others."""
    if head[: len(_PNG)] == _PNG and len(head) >= 24:
        width, height = struct.unpack_from('>II', head, 16)
        return int(width * height)
    largest, at = 0, 2
    while head[:2] == b'\xff\xd8' and at + 9 <= len(head):
        marker = head[at + 1]
        if head[at] != 0xFF or marker == 0xFF:  # padding between segments
            at += 1
            continue
        length, height, width = struct.unpack_from('>H x HH', head, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            largest = max(largest, width * height)
        at += 2 + (0 if marker in (0x01, *range(0xD0, 0xD9)) else length)
    return largest


def _image(header: object, encoding: str, pixels: np.ndarray) -> bytes:
    height, width = pixels.shape[:2]
    flat = np.ascontiguousarray(pixels).reshape(-1)
    kind = typestore().types[IMAGE]
    return encode(IMAGE, kind(header, height, width, encoding, 0, flat.size // height, flat))
