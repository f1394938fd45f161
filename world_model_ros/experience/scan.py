# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads what is whole in an MCAP file, however it ended, and can close a broken one in place.

Owns the walk over top-level records: a file cut anywhere (power loss, kill, full disk) yields the
records before the cut, each chunk checked against its CRC. Readers that start at the footer fail
on such files; this one only asks whether it is there. Must not import ROS or torch.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import (
    Channel,
    Chunk,
    ChunkIndex,
    Header,
    Message,
    Metadata,
    MetadataIndex,
    Schema,
)
from mcap.stream_reader import CRCValidationError, get_chunk_data_stream

MAGIC = b'\x89MCAP0\r\n'
_FRAME = struct.Struct('<BQ')
# Everything a torn or scribbled record can raise while it is parsed.
DAMAGE = (
    McapError,
    CRCValidationError,
    struct.error,
    zlib.error,
    ValueError,
    RuntimeError,
    zstandard.ZstdError,
)


@dataclass(frozen=True)
class Frame:
    """One top-level record: where it starts, and where its content lies."""

    opcode: int
    offset: int
    length: int  # of the content

    @property
    def end(self) -> int:
        """Where the next record starts."""
        return self.offset + _FRAME.size + self.length


@dataclass
class Contents:
    """What a file holds up to its last whole record."""

    path: Path
    size: int
    end: int = 0  # bytes up to here are whole records of the data section
    whole: bool = False  # data section ended, footer and magic in place
    damage: str = ''
    profile: str = ''
    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    metadata: list[tuple[MetadataIndex, dict[str, str]]] = field(default_factory=list)
    chunks: list[ChunkIndex] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)  # channel id -> messages
    start_ns: int = 0
    end_ns: int = 0

    @property
    def message_count(self) -> int:
        """Messages in whole chunks."""
        return sum(self.counts.values())

    def record(self, name: str) -> dict[str, str] | None:
        """The last metadata record of that name."""
        return next((data for index, data in reversed(self.metadata) if index.name == name), None)

    def topic_counts(self) -> dict[str, int]:
        """Messages per topic."""
        totals = {channel.topic: 0 for channel in self.channels.values()}
        for channel_id, count in self.counts.items():
            totals[self.channels[channel_id].topic] += count
        return totals


def frames(file: BinaryIO, size: int) -> Iterator[Frame]:
    """Whole top-level records from the start; stops before the first torn or senseless one."""
    offset = len(MAGIC)
    while offset + _FRAME.size <= size:
        file.seek(offset)
        opcode, length = _FRAME.unpack(file.read(_FRAME.size))
        frame = Frame(opcode, offset, length)
        # Opcode 0 is what a file extended by a lost write holds: zeros.
        if opcode == 0 or frame.end > size:
            return
        yield frame
        offset = frame.end


def read_content(file: BinaryIO, frame: Frame) -> ReadDataStream:
    """The content of a record, to be parsed."""
    file.seek(frame.offset + _FRAME.size)
    return ReadDataStream(BytesIO(file.read(frame.length)))


def chunk_records(chunk: Chunk) -> Iterator[tuple[int, Schema | Channel | Message]]:
    """Records in a chunk with their offset in the uncompressed data; checks the chunk's CRC."""
    stream, length = get_chunk_data_stream(chunk, validate_crc=True)
    while stream.count < length:
        offset = stream.count
        opcode, size = stream.read1(), stream.read8()
        if opcode == Opcode.MESSAGE:
            yield offset, Message.read(stream, size)
        elif opcode == Opcode.CHANNEL:
            yield offset, Channel.read(stream)
        elif opcode == Opcode.SCHEMA:
            yield offset, Schema.read(stream)
        else:
            stream.read(size)


def read_chunk(file: BinaryIO, offset: int) -> Chunk:
    """The chunk whose record starts at `offset`."""
    file.seek(offset)
    opcode, length = _FRAME.unpack(file.read(_FRAME.size))
    return Chunk.read(read_content(file, Frame(opcode, offset, length)))


def scan(path: Path) -> Contents:
    """Walk the file once, checking every chunk; never raises for damage, it says so."""
    contents = Contents(path=path, size=path.stat().st_size)
    with path.open('rb') as file:
        if file.read(len(MAGIC)) != MAGIC:
            contents.damage = 'does not begin as an MCAP file'
            return contents
        contents.end = len(MAGIC)
        for frame in frames(file, contents.size):
            if frame.opcode == Opcode.DATA_END:
                contents.whole = _footer_follows(file, contents)
                break
            try:
                _take(contents, file, frame)
            except DAMAGE as error:
                contents.damage = f'damaged record at byte {frame.offset}: {error}'
                break
            contents.end = frame.end
    if not contents.whole and not contents.damage:
        contents.damage = f'ends at byte {contents.size} without a footer'
    return contents


def _take(contents: Contents, file: BinaryIO, frame: Frame) -> None:
    if frame.opcode == Opcode.CHUNK:
        chunk = Chunk.read(read_content(file, frame))
        _take_chunk(contents, chunk, frame)
    elif frame.opcode == Opcode.MESSAGE_INDEX and contents.chunks:
        channel_id = read_content(file, frame).read2()
        index = contents.chunks[-1]
        index.message_index_offsets[channel_id] = frame.offset
        index.message_index_length += frame.end - frame.offset
    elif frame.opcode == Opcode.METADATA:
        record = Metadata.read(read_content(file, frame))
        where = MetadataIndex(frame.offset, frame.end - frame.offset, record.name)
        contents.metadata.append((where, record.metadata))
    elif frame.opcode == Opcode.HEADER:
        contents.profile = Header.read(read_content(file, frame)).profile
    elif frame.opcode == Opcode.SCHEMA:
        schema = Schema.read(read_content(file, frame))
        contents.schemas[schema.id] = schema
    elif frame.opcode == Opcode.CHANNEL:
        channel = Channel.read(read_content(file, frame))
        contents.channels[channel.id] = channel


def _take_chunk(contents: Contents, chunk: Chunk, frame: Frame) -> None:
    counts: dict[int, int] = {}
    records = list(chunk_records(chunk))  # all or nothing: a bad chunk must leave no trace
    for _, record in records:
        if isinstance(record, Message):
            counts[record.channel_id] = counts.get(record.channel_id, 0) + 1
        elif isinstance(record, Channel):
            contents.channels[record.id] = record
        else:
            contents.schemas[record.id] = record
    first = not contents.counts
    for channel_id, count in counts.items():
        contents.counts[channel_id] = contents.counts.get(channel_id, 0) + count
    start, end = chunk.message_start_time, chunk.message_end_time
    contents.start_ns = start if first else min(contents.start_ns, start)
    contents.end_ns = max(contents.end_ns, end)
    contents.chunks.append(
        ChunkIndex(
            message_start_time=start,
            message_end_time=end,
            chunk_start_offset=frame.offset,
            chunk_length=frame.end - frame.offset,
            message_index_offsets={},
            message_index_length=0,
            compression=chunk.compression,
            compressed_size=len(chunk.data),
            uncompressed_size=chunk.uncompressed_size,
        )
    )


def _footer_follows(file: BinaryIO, contents: Contents) -> bool:
    tail = _FRAME.size + 20 + len(MAGIC)
    if contents.size < contents.end + tail:
        return False
    file.seek(contents.size - tail)
    data = file.read(tail)
    return data[:9] == _FRAME.pack(Opcode.FOOTER, 20) and data.endswith(MAGIC)
