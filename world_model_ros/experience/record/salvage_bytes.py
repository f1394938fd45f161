# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The bytes of a damaged MCAP file: where a record could be, and how long it is by its inside.

Every record tells its length in its head; chunks, definitions and metadata tell it inside, too.
Reads only. Must not import ROS or torch.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Callable
from io import BytesIO

from mcap.data_stream import ReadDataStream, RecordBuilder
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Header, Message, MessageIndex, Schema

from world_model_ros.experience.episode_limits import CHUNK_BYTES, RECORD_BYTES
from world_model_ros.experience.read.scan import DAMAGE, Frame, chunk_records

PRIVATE_OPCODE = 0x80
PROFILE = 'ros2'
FRAME = struct.Struct('<BQ')
CHUNK_HEAD = struct.Struct('<QQQI')  # start, end, uncompressed size, CRC
_KNOWN = frozenset(Opcode)
_INDEX = struct.Struct('<HI')  # channel, bytes of its records
DATA_END_BYTES = 4
# A chunk by its inside: two times, a size, a CRC, then the name of its compression.
# Looks ahead only: what is found first may be no chunk, and overlap one.
_CHUNK = re.compile(
    rb'(?=\x06.{8}.{24}.{4}(?:\x00\x00\x00\x00|\x03\x00\x00\x00lz4|\x04\x00\x00\x00zstd))',
    re.DOTALL,
)
# Opcode -> bytes before its texts, and how many texts (a map counts as one) make up the content.
SMALL = {int(Opcode.METADATA): (0, 2), int(Opcode.SCHEMA): (2, 3), int(Opcode.CHANNEL): (4, 3)}
_HEADER = (0, 2)
_DATA = {*SMALL, int(Opcode.CHUNK), int(Opcode.MESSAGE_INDEX), int(Opcode.DATA_END)}
_HEAD_BYTES = FRAME.size + CHUNK_HEAD.size

Records = list[tuple[int, Schema | Channel | Message]]  # with the offset inside of the chunk


class DamagedBytes:
    """A file in memory, asked for records at any offset."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.size = data, len(data)

    def frame(self, offset: int) -> Frame | None:
        """The whole record at an offset, by its own head."""
        if offset + FRAME.size > self.size:
            return None
        opcode, length = FRAME.unpack_from(self.data, offset)
        frame = Frame(opcode, offset, length)
        known = opcode in _KNOWN or opcode >= PRIVATE_OPCODE
        return frame if known and frame.end <= self.size else None

    def content(self, frame: Frame) -> ReadDataStream:
        """What is in a record."""
        start = frame.offset + FRAME.size
        return ReadDataStream(BytesIO(self.data[start : frame.end]))

    def plausible(self, offset: int) -> bool:
        """Whether a record, whole or cut off, or the end of the file is at an offset."""
        if offset == self.size:
            return True
        frame = self.frame(offset)
        return self.is_cut(offset) if frame is None else self._agrees(frame)

    def is_cut(self, offset: int) -> bool:
        """Whether this is the beginning of a whole record, as a kill in a write leaves it."""
        head = self.data[offset : offset + FRAME.size]
        if len(head) < FRAME.size:
            return True
        opcode, length = FRAME.unpack(head)
        if opcode not in _DATA or offset + FRAME.size + length <= self.size:
            return False
        if length > CHUNK_BYTES + RECORD_BYTES:  # nobody was going to write that
            return False
        if opcode != Opcode.CHUNK:
            return True
        inner = self.inner_length(offset)
        return inner is None or inner == length

    def next_chunk(self, offset: int) -> int | None:
        """The next chunk that can be read, at or behind an offset."""
        for match in _CHUNK.finditer(self.data, offset):
            start = match.start()
            length = self.inner_length(start)
            if length is None or start + FRAME.size + length > self.size:
                continue
            try:
                chunk = Chunk.read(self.content(Frame(Opcode.CHUNK, start, length)))
                if chunk.uncompressed_crc or self.trusted(start, length):
                    list(chunk_records(chunk))
                    return start
            except DAMAGE:
                continue
        return None

    def inner_small(self, kind: int, offset: int) -> int | None:
        """The length of a record's content by the texts in it; None if they lead nowhere."""
        fixed, texts = SMALL.get(kind, _HEADER)
        start = offset + FRAME.size
        at = start + fixed
        for _ in range(texts):
            if at + 4 > self.size:
                return None
            (length,) = struct.unpack_from('<I', self.data, at)
            at += 4 + int(length)
        return at - start if at <= self.size else None

    def inner_length(self, offset: int) -> int | None:
        """The length of a chunk's content by what is in it; None where that is cut off."""
        try:
            at = offset + _HEAD_BYTES
            (name,) = struct.unpack_from('<I', self.data, at)
            if name > 16:
                return None
            (records,) = struct.unpack_from('<Q', self.data, at + 4 + name)
        except struct.error:
            return None
        return CHUNK_HEAD.size + 4 + int(name) + 8 + int(records)

    def trusted(self, offset: int, length: int) -> bool:
        """A chunk without a CRC counts only if its frame agrees."""
        head = FRAME.pack(Opcode.CHUNK, length)
        return self.data[offset : offset + FRAME.size] == head

    def _agrees(self, frame: Frame) -> bool:
        """Whether what is in a record of the data section agrees with its length."""
        if frame.opcode >= PRIVATE_OPCODE:
            return self._is_sane(frame.end)
        if frame.opcode == Opcode.CHUNK:
            return self.inner_length(frame.offset) == frame.length
        if frame.opcode in SMALL:
            return self.inner_small(frame.opcode, frame.offset) == frame.length
        if frame.opcode == Opcode.DATA_END:
            return frame.length == DATA_END_BYTES
        if frame.opcode != Opcode.MESSAGE_INDEX or frame.length < _INDEX.size:
            return False
        (records,) = _INDEX.unpack_from(self.data, frame.offset + FRAME.size)[1:]
        return int(records) == frame.length - _INDEX.size

    def _is_sane(self, offset: int) -> bool:
        """Whether a record could begin at an offset, by its head alone."""
        frame = self.frame(offset)
        return offset == self.size or frame is not None or self.is_cut(offset)


def message_indexes(
    records: Records,
) -> dict[int, bytes]:
    """Channel -> its index record for a chunk's records, in the order of the writer."""
    indexes: dict[int, MessageIndex] = {}
    for offset, record in records:
        if isinstance(record, Message):
            index = indexes.setdefault(record.channel_id, MessageIndex(record.channel_id, []))
            index.records.append((record.log_time, offset))
    return {channel: _record(index.write) for channel, index in indexes.items()}


def header_record(size: int) -> bytes:
    """A header of exactly so many bytes, or the smallest one."""
    empty = _record(Header(PROFILE, '').write)
    return _record(Header(PROFILE, ' ' * max(0, size - len(empty))).write)


def _record(write: Callable[[RecordBuilder], None]) -> bytes:
    builder = RecordBuilder()
    write(builder)
    return bytes(builder.end())
