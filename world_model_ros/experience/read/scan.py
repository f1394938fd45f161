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
from mcap.exceptions import EndOfFile, McapError
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

from world_model_ros.experience.episode_limits import (
    CHUNK_BYTES,
    CHUNK_RECORDS,
    CHUNKS,
    FILE_BYTES,
    MESSAGES,
    METADATA_RECORDS,
    RECORD_BYTES,
    TOPICS,
    UNPACKED_BYTES,
    LimitError,
    check_limit,
    unpacked,
)

MAGIC = b'\x89MCAP0\r\n'
_FRAME = struct.Struct('<BQ')
_MESSAGE = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time; then the data
# Everything a torn or scribbled record can raise while it is parsed.
DAMAGE = (
    McapError,
    struct.error,
    zlib.error,
    ValueError,
    RuntimeError,
    OverflowError,
    LookupError,
    MemoryError,
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
    damage: str = ''  # the first one
    damaged_chunks: int = 0  # left out; what follows them is read
    profile: str = ''
    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    metadata: list[tuple[MetadataIndex, dict[str, str]]] = field(default_factory=list)
    chunks: list[ChunkIndex] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)  # channel id -> messages
    unpacked_bytes: int = 0  # of all chunks
    start_ns: int = 0
    end_ns: int = 0

    @property
    def message_count(self) -> int:
        """Messages in whole chunks."""
        return sum(self.counts.values())

    def note(self, damage: str) -> None:
        """Keep the first damage."""
        self.damage = self.damage or damage

    def record(self, name: str) -> dict[str, str] | None:
        """The last metadata record of that name."""
        return next((data for index, data in reversed(self.metadata) if index.name == name), None)

    def topic_counts(self) -> dict[str, int]:
        """Messages per topic."""
        totals = {channel.topic: 0 for channel in self.channels.values()}
        for channel_id, count in self.counts.items():
            # The chunk that described a channel may be the damaged one.
            if channel_id in self.channels:
                totals[self.channels[channel_id].topic] += count
        return totals


def frames(file: BinaryIO, size: int, start: int = len(MAGIC)) -> Iterator[Frame]:
    """Whole top-level records from `start`; stops before the first torn or senseless one."""
    offset = start
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
    """The content of a record, to be parsed.

    Raises:
        McapError: it is too large.
    """
    limit = CHUNK_BYTES + RECORD_BYTES if frame.opcode == Opcode.CHUNK else RECORD_BYTES
    check_limit('bytes of a record', frame.length, limit)
    file.seek(frame.offset + _FRAME.size)
    return ReadDataStream(BytesIO(file.read(frame.length)))


def chunk_records(chunk: Chunk) -> Iterator[tuple[int, Schema | Channel | Message]]:
    """Records in a chunk with their offset in the uncompressed data; checks the chunk's CRC.

    Raises:
        One of DAMAGE.
    """
    data = unpacked(chunk)
    offset, size, count = 0, len(data), 0
    while offset < size:
        opcode, length = _FRAME.unpack_from(data, offset)
        count += 1
        if opcode == 0 or count > CHUNK_RECORDS:  # no record has 0; unpacked zeros are a bomb
            raise LimitError(f'a chunk with opcode {opcode} as its record number {count}')
        start = offset + _FRAME.size
        if length > size - start:
            raise EndOfFile
        if opcode == Opcode.MESSAGE:
            if length < _MESSAGE.size:
                raise EndOfFile
            channel, sequence, log_ns, publish_ns = _MESSAGE.unpack_from(data, start)
            content = data[start + _MESSAGE.size : start + length]
            yield offset, Message(channel, log_ns, content, publish_ns, sequence)
        elif opcode in (Opcode.CHANNEL, Opcode.SCHEMA):
            check_limit('bytes of a record', length, RECORD_BYTES)
            stream = ReadDataStream(BytesIO(data[start : start + length]))
            kind = Channel if opcode == Opcode.CHANNEL else Schema
            yield offset, kind.read(stream)
        offset = start + length


def read_chunk(file: BinaryIO, offset: int) -> Chunk:
    """The chunk whose record starts at `offset`."""
    file.seek(offset)
    opcode, length = _FRAME.unpack(file.read(_FRAME.size))
    return Chunk.read(read_content(file, Frame(opcode, offset, length)))


def scan(path: Path) -> Contents:
    """Walk the file once, checking every chunk; never raises for damage, it says so.

    A damaged chunk is left out and what follows is read; any other damaged record ends the walk.
    """
    contents = Contents(path=path, size=path.stat().st_size)
    with path.open('rb') as file:
        if file.read(len(MAGIC)) != MAGIC:
            contents.note('does not begin as an MCAP file')
            return contents
        contents.end = len(MAGIC)
        if contents.size > FILE_BYTES:
            contents.note(f'{contents.size} bytes, at most {FILE_BYTES} are read')
            return contents
        for frame in frames(file, contents.size):
            if frame.opcode == Opcode.DATA_END:
                contents.whole = _footer_follows(file, contents)
                break
            try:
                _take(contents, file, frame)
            except DAMAGE as error:
                reason = f'{type(error).__name__}: {error}'[:300]
                contents.note(f'damaged record at byte {frame.offset}: {reason}')
                if frame.opcode != Opcode.CHUNK:
                    break
                contents.damaged_chunks += 1
            contents.end = frame.end
        if contents.whole and contents.damaged_chunks:
            _take_summary(contents, file)
    if not contents.whole:
        contents.note(f'ends at byte {contents.size} without a footer')
    return contents


def _take(contents: Contents, file: BinaryIO, frame: Frame) -> None:
    if frame.opcode == Opcode.CHUNK:
        chunk = Chunk.read(read_content(file, frame))
        _take_chunk(contents, chunk, frame)
    elif frame.opcode == Opcode.MESSAGE_INDEX and contents.chunks:
        if contents.damaged_chunks and frame.offset != _index_end(contents.chunks[-1]):
            return  # of a chunk that was left out
        channel_id = read_content(file, frame).read2()
        index = contents.chunks[-1]
        index.message_index_offsets[channel_id] = frame.offset
        index.message_index_length += frame.end - frame.offset
    elif frame.opcode == Opcode.METADATA:
        check_limit('metadata records', len(contents.metadata) + 1, METADATA_RECORDS)
        record = Metadata.read(read_content(file, frame))
        where = MetadataIndex(frame.offset, frame.end - frame.offset, record.name)
        contents.metadata.append((where, record.metadata))
    elif frame.opcode == Opcode.HEADER:
        contents.profile = Header.read(read_content(file, frame)).profile
    elif frame.opcode == Opcode.SCHEMA:
        schema = Schema.read(read_content(file, frame))
        contents.schemas[schema.id] = schema
        check_limit('schemas', len(contents.schemas), TOPICS)
    elif frame.opcode == Opcode.CHANNEL:
        channel = Channel.read(read_content(file, frame))
        contents.channels[channel.id] = channel
        check_limit('topics', len(contents.channels), TOPICS)


def _index_end(index: ChunkIndex) -> int:
    return index.chunk_start_offset + index.chunk_length + index.message_index_length


def _take_summary(contents: Contents, file: BinaryIO) -> None:
    """Take topics whose chunk was left out from the summary, which repeats them."""
    for frame in frames(file, contents.size, contents.end):
        if frame.opcode == Opcode.FOOTER:
            return
        try:
            if frame.opcode == Opcode.SCHEMA:
                schema = Schema.read(read_content(file, frame))
                contents.schemas.setdefault(schema.id, schema)
            elif frame.opcode == Opcode.CHANNEL:
                channel = Channel.read(read_content(file, frame))
                contents.channels.setdefault(channel.id, channel)
            check_limit('topics', max(len(contents.channels), len(contents.schemas)), TOPICS)
        except DAMAGE as error:
            contents.note(f'damaged summary at byte {frame.offset}: {error}')
            return


def _take_chunk(contents: Contents, chunk: Chunk, frame: Frame) -> None:
    counts: dict[int, int] = {}
    channels: dict[int, Channel] = {}
    schemas: dict[int, Schema] = {}
    total = contents.unpacked_bytes + chunk.uncompressed_size
    check_limit('bytes of all chunks unpacked', total, UNPACKED_BYTES)
    check_limit('chunks', len(contents.chunks) + 1, CHUNKS)
    contents.unpacked_bytes = total  # counts where the chunk is then refused, too
    for _, record in chunk_records(chunk):
        if isinstance(record, Message):
            counts[record.channel_id] = counts.get(record.channel_id, 0) + 1
        elif isinstance(record, Channel):
            channels[record.id] = record
        else:
            schemas[record.id] = record
    check_limit('messages', contents.message_count + sum(counts.values()), MESSAGES)
    check_limit('topics', len(contents.channels | channels), TOPICS)
    check_limit('schemas', len(contents.schemas | schemas), TOPICS)
    # All or nothing: a bad chunk leaves no trace but its damage.
    contents.channels |= channels
    contents.schemas |= schemas
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
