# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that a bag holds in another form than the agent received them.

Owns what `record: compressed` and `record: model_input` look like in a bag, and the way back to an
Image that the agent's own code decodes. `model_input` is the picture as the model sees it, made by
that same code, so nothing is lost; `compressed` is what the driver's transport publishes, without
loss (PNG) or with it (JPEG). Must not import ROS or torch.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from world_model_ros.contract import Recording, Stream
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience.bag import Topic
from world_model_ros.experience.episode_limits import PICTURE_PIXELS
from world_model_ros.wire.cdr import (
    COMPRESSED_IMAGE,
    IMAGE,
    MessageError,
    decode_padded,
    encode,
    typestore,
)
from world_model_ros.wire.decode import StreamError, decode_stream
from world_model_ros.wire.kinds.packed_picture import HEADER_BYTES, PNG, announced_size

COMPRESSED_SUFFIX = '/compressed'  # where image_transport publishes, beside the raw topic
# Not the camera's own topic: these messages never were on it.
MODEL_INPUT_SUFFIX = '/model_input'
# OpenCV's channel orders by number of channels; none is converted, the agent's decoder does that.
_ENCODINGS = {1: 'mono8', 3: 'bgr8', 4: 'bgra8'}


def stored_form(topic: Topic, sent: str = IMAGE) -> Recording:
    """In which form a topic of a bag holds its stream, by what the bag itself says.

    `sent` is the type that the agent hears: a stream may come compressed.
    """
    if topic.type == COMPRESSED_IMAGE and topic.type != sent:
        return 'compressed'
    if topic.type == IMAGE and topic.name.endswith(MODEL_INPUT_SUFFIX):
        return 'model_input'
    return 'raw'


def may_be_packed(stream: Stream) -> bool:
    """Whether messages that the agent hears raw may be stored as CompressedImage.

    Pictures of colours only: distances of 16 bits and more become others that way.
    """
    kind = stream_kind(stream.kind)
    return kind.type_of(stream) == IMAGE and 'compressed' in kind.records


def model_input(stream: Stream, cdr: bytes) -> bytes:
    """An Image message as the model sees it: rgb8, the stream's size, the original header.

    What the agent cannot decode either comes back as it is, for the bag to show what was sent.
    """
    try:
        pixels = decode_stream(stream, cdr)
        header = decode_padded(IMAGE, cdr).header
    except (StreamError, MessageError):
        return cdr
    return _image(header, 'rgb8', pixels)


def decompressed(cdr: bytes) -> tuple[bytes, bool]:
    """A CompressedImage as an Image, and whether its compression loses nothing.

    Raises:
        MessageError: it is no such message, or holds no picture of 8 bits a channel.
    """
    message = decode_padded(COMPRESSED_IMAGE, cdr)
    data = np.asarray(message.data, np.uint8)
    pixels = unpacked_picture(data, f'format {message.format!r}')
    lossless = data[: len(PNG)].tobytes() == PNG
    return _image(message.header, _ENCODINGS[pixels.shape[2]], pixels), lossless


def unpacked_picture(data: np.ndarray, what: str) -> np.ndarray:
    """The pixels of a PNG or JPEG, uint8 [h, w, 1, 3 or 4] in OpenCV's order of channels.

    Raises:
        MessageError: it is none, or too large; `what` says whose it is.
    """
    pixels_announced = math.prod(announced_size(data[:HEADER_BYTES].tobytes()))
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


def _image(header: object, encoding: str, pixels: np.ndarray) -> bytes:
    height, width = pixels.shape[:2]
    flat = np.ascontiguousarray(pixels).reshape(-1)
    kind = typestore().types[IMAGE]
    return encode(IMAGE, kind(header, height, width, encoding, 0, flat.size // height, flat))
