# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of sensor_msgs/CompressedImage: PNG and JPEG, unpacked by OpenCV.

Owns the formats that image_transport writes, and the checks before OpenCV takes memory: what a
header announces is read first, and a cut-off or damaged file is refused, of which OpenCV would
fill the rest with grey. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.wire.cdr import COMPRESSED_IMAGE, typestore
from world_model_ros.wire.kinds.picture_size import cv2_module
from world_model_ros.wire.kinds.pixels import BAYER, MAX_PIXELS, Pixels, colours_of_mosaic
from world_model_ros.wire.kinds.stamped import refusal

if TYPE_CHECKING:
    from world_model_ros.contract import Stream
    from world_model_ros.contract.problems import Section

TRANSPORTS = ('raw', 'compressed')
SUFFIXES = ('/compressedDepth', '/compressed')  # of the topics of image_transport
HEADER_BYTES = 1 << 18  # before a JPEG's size come its comments and EXIF, 64 KiB each
PNG = b'\x89PNG\r\n\x1a\n'
_JPEG, _JPEG_END = b'\xff\xd8', b'\xff\xd9'


def read_transport(section: Section) -> str:
    """Read `transport` of a robot file; left out, the topic's name decides."""
    topic = section.get('topic')
    packed = isinstance(topic, str) and topic.endswith(SUFFIXES)
    transport: str = section.choice('transport', TRANSPORTS, TRANSPORTS[packed])
    if transport != 'raw' and section.get('record', 'raw') != 'raw':
        section.note(
            'record',
            section.get('record'),
            'raw for transport: compressed',
            'remove it: compressed pictures are recorded as they come',
        )
    return transport


def is_packed(stream: Stream) -> bool:
    """Whether the stream's messages are CompressedImages."""
    return dict(stream.options).get('transport') == 'compressed'


def camera_topic(stream: Stream) -> str:
    """The topic without what image_transport adds to it."""
    for suffix in SUFFIXES:
        if stream.topic.endswith(suffix):
            return stream.topic[: -len(suffix)]
    return stream.topic


def unpacked_colours(message: Any, stream: Stream) -> Pixels:
    """The picture of a CompressedImage; its channels are blue, green and red, or RGB already.

    Raises:
        StreamError: it is no whole PNG or JPEG.
    """
    original = message.format.split(';')[0].strip()
    cv2 = cv2_module()
    if original not in BAYER:
        # As it is, whatever EXIF says of turning: the camera stands where it stands.
        flags = _read_flags(message, stream) | cv2.IMREAD_IGNORE_ORIENTATION
        return Pixels(unpacked(message, message.data, stream, flags), (2, 1, 0))
    mosaic = unpacked(message, message.data, stream, cv2.IMREAD_UNCHANGED)
    if mosaic.ndim != 2 or mosaic.dtype != np.uint8:
        raise refusal(
            stream, 'data', f'one channel of 8 bits of {original}', str(mosaic.shape), _CHECK
        )
    return Pixels(colours_of_mosaic(mosaic[..., None], original, stream), None)


def _read_flags(message: Any, stream: Stream) -> int:
    """How to read colours: a JPEG of many times the model's size is averaged while it is read.

    Only by a divisor of both sides, so that its aspect stays what it is.
    """
    cv2 = cv2_module()
    head = np.frombuffer(message.data, np.uint8)[:HEADER_BYTES].tobytes()
    height, width = announced_size(head) if head.startswith(_JPEG) else (0, 0)
    reduced = {
        8: cv2.IMREAD_REDUCED_COLOR_8,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        2: cv2.IMREAD_REDUCED_COLOR_2,
    }
    for share, flag in reduced.items():
        whole = height % share == 0 and width % share == 0
        if whole and height >= share * stream.shape[0] and width >= share * stream.shape[1]:
            return int(flag)
    return int(cv2.IMREAD_COLOR)


_CHECK = 'check the camera driver and its image_transport plug-in'


def unpacked(message: Any, content: Any, stream: Stream, flags: int) -> np.ndarray:
    """A PNG or JPEG as OpenCV reads it with these flags.

    Raises:
        StreamError: it is none, too large, or cut off.
    """
    data = np.frombuffer(content, np.uint8)
    head = data[:HEADER_BYTES].tobytes()
    if not head.startswith((PNG, _JPEG)):
        raise refusal(
            stream,
            'data',
            'a PNG or JPEG picture',
            f'{data.size} bytes of format {message.format[:80]!r}',
            'set the format of the compressed transport to jpeg or png, or use the raw topic',
        )
    height, width = announced_size(head)
    if height * width > MAX_PIXELS:
        raise refusal(stream, 'data', f'at most {MAX_PIXELS} pixels', f'{height * width}', _CHECK)
    if not (_is_whole_png if head.startswith(PNG) else _is_whole_jpeg)(data.tobytes()):
        raise refusal(
            stream,
            'data',
            'a whole picture',
            f'{data.size} bytes, cut off or damaged',
            'check the driver and its transport',
        )
    cv2 = cv2_module()
    try:
        picture: np.ndarray | None = cv2.imdecode(data, flags)
    except cv2.error as error:
        picture, reason = None, f' ({" ".join(str(error).split())[:120]})'
    else:
        reason = ''
    if picture is None:
        raise refusal(
            stream,
            'data',
            'a picture that can be decompressed',
            f'{data.size} bytes of format {message.format[:80]!r}{reason}',
            _CHECK,
        )
    return picture


def _is_whole_jpeg(data: bytes) -> bool:
    """Whether its end is there; some cameras fill up with zeros behind it."""
    return data.rstrip(b'\0').endswith(_JPEG_END)


def _is_whole_png(data: bytes) -> bool:
    """Whether every part is there, up to the last one, and as its checksum says."""
    at, kind = len(PNG), b''
    while kind != b'IEND':
        if at + 12 > len(data):
            return False
        (length,) = struct.unpack_from('>I', data, at)
        end = at + 8 + length
        kind, wanted = data[at + 4 : at + 8], data[end : end + 4]
        if zlib.crc32(memoryview(data)[at + 4 : end]).to_bytes(4, 'big') != wanted:
            return False
        at = end + 4
    return True


def packed(header: Any, picture: np.ndarray, format_text: str, before: bytes = b'') -> Any:
    """A CompressedImage that holds a picture without loss (PNG), behind the bytes `before`."""
    done, data = cv2_module().imencode('.png', picture)
    if not done:
        raise ValueError(f'OpenCV cannot write a PNG of {picture.shape}')
    content = np.frombuffer(before + data.tobytes(), np.uint8)
    return typestore().types[COMPRESSED_IMAGE](header, format_text, content)


def announced_size(head: bytes) -> tuple[int, int]:
    """Height and width by the header of a PNG or JPEG, before OpenCV takes memory; else 0, 0."""
    if head[: len(PNG)] == PNG and len(head) >= 24:
        width, height = struct.unpack_from('>II', head, 16)
        return height, width
    largest, at = (0, 0), 2
    while head[:2] == _JPEG and at + 9 <= len(head):
        marker = head[at + 1]
        if head[at] != 0xFF or marker == 0xFF:  # padding between segments
            at += 1
            continue
        length, height, width = struct.unpack_from('>H x HH', head, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            largest = max(largest, (height, width), key=math.prod)
        at += 2 + (0 if marker in (0x01, *range(0xD0, 0xD9)) else length)
    return largest
