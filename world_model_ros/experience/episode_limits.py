# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How large an episode and its parts may be; asked before memory is taken, in this order.

An episode comes from another machine and may be anything. What is over a limit is damaged, as if
its CRC were wrong: the reader says so and takes what is around it. Imports nothing of ours.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import lz4.frame
import zstandard
from mcap.exceptions import McapError, UnsupportedCompressionError
from mcap.records import Chunk

# ---- the file ----
FILE_BYTES = 8 << 30  # as in the store: an hour of three cameras as the model sees them
# Every chunk may be a bomb of its own: the whole file unpacked costs a minute at most.
UNPACKED_BYTES = 16 << 30
# Our recorder's have 1 MiB and one message; a raw picture of 42 Mpixel, RGB, fits.
CHUNK_BYTES = 128 << 20
CHUNK_RECORDS = 2_000_000  # of one chunk; the smallest message of ROS takes 43 bytes
CHUNKS = 1 << 18  # 8 GiB of our recorder are 8,000
MESSAGES = 8_000_000  # an hour of three cameras and joints at 500 Hz are 2.5 million
# Contract (256 KiB) and announcement (512 KiB) are the largest texts in a metadata record.
RECORD_BYTES = 4 << 20
METADATA_RECORDS = 1_000  # our recorder writes three
TOPICS = 1_000  # a large robot has some hundred
ZSTD_WINDOW_BYTES = 1 << 27  # what zstd itself calls its limit
METADATA_BYTES = 8 << 20  # metadata.yaml: the contract and 500 bytes of each topic
# ---- what is in it ----
TICKS = 200_000  # 2 h 46 min at 20 Hz
ARRAYS_BYTES = 4 << 30  # all ticks of one episode, as the model sees them
JSON_BYTES = 1 << 20
QOS_BYTES = 1 << 16  # a profile has 500 bytes
QOS_BRACKETS = 1_000
QOS_PROFILES = 64  # publishers of one topic
PICTURE_PIXELS = 1 << 26  # as the agent's decoder: more is a damaged header, no camera
MAX_WHOLE = 1 << 53  # a double counts so far


class LimitError(McapError):
    """Something is larger than it may be; the text says what, and both sizes."""


def check_limit(what: str, found: int, limit: int) -> None:
    """Whether a count or size may be.

    Raises:
        LimitError: it is negative or above the limit.
    """
    if not 0 <= found <= limit:
        raise LimitError(f'{what}: {found}, at most {limit} are read')


def unpacked(chunk: Chunk) -> bytes:
    """The records of a chunk; takes no more memory than the chunk says and a chunk may have.

    Raises:
        McapError: too large, not as large as it says, of an unknown compression, or its CRC is
            wrong.
        zstandard.ZstdError, RuntimeError: it cannot be unpacked.
    """
    size = chunk.uncompressed_size
    check_limit('bytes of a chunk', max(size, len(chunk.data)), CHUNK_BYTES)
    if chunk.compression == 'zstd':
        claimed = zstandard.frame_content_size(chunk.data)
        if claimed not in (-1, size):  # -1: the frame does not say
            raise LimitError(f'a zstd frame of {claimed} bytes in a chunk of {size}')
        unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
        data = unpacker.decompress(chunk.data, max_output_size=size) if size else b''
    elif chunk.compression == 'lz4':
        data = lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, max_length=size + 1)
    elif chunk.compression in ('', 'none'):
        data, size = chunk.data, len(chunk.data)
    else:
        raise UnsupportedCompressionError(ascii(chunk.compression)[:40])
    if len(data) != size:
        raise LimitError(f'a chunk of {size} bytes unpacks to {len(data)} or more')
    if chunk.uncompressed_crc and zlib.crc32(data) != chunk.uncompressed_crc:
        raise McapError(
            f'CRC {zlib.crc32(data):08x} of a chunk, {chunk.uncompressed_crc:08x} was written'
        )
    return data


def read_json(text: str, what: str) -> Any:
    """JSON from an episode.

    Raises:
        ValueError: none, or too long or too deep.
    """
    if len(text) > JSON_BYTES:
        raise ValueError(f'{what}: {len(text)} bytes of JSON, at most {JSON_BYTES} are read')
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(f'{what}: JSON nested too deep') from None
    except ValueError as error:
        raise ValueError(f'{what}: not JSON: {error}') from error


def whole(value: Any, what: str) -> int:
    """A whole number from JSON or text, from 0 up to what a double counts.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError(f'{what}: {ascii(value)[:40]}, expected a whole number from 0 on')
    return value
