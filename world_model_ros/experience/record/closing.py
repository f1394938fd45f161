# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The end of an MCAP file: written after the fact where a crash cut it off, and verified.

Owns summary and footer of files that their writer could not finish. Works in place: a full disk
has no room for a copy. Must not import ROS or torch.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from mcap.data_stream import RecordBuilder
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import (
    ChunkIndex,
    DataEnd,
    Footer,
    Message,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Statistics,
    SummaryOffset,
)

from world_model_ros.experience.bag import EpisodeError
from world_model_ros.experience.read.scan import DAMAGE, MAGIC, Contents, chunk_records, read_chunk


def verify_file(path: Path, size: int, written: Mapping[str, int]) -> None:
    """The file on disk, read from its footer, must hold what was counted while writing."""
    found = path.stat().st_size
    if found != size:
        raise EpisodeError(f'{path}: {found} bytes on disk, {size} were written')
    with path.open('rb') as file:
        try:
            summary = make_reader(file).get_summary()
        except DAMAGE as error:
            raise EpisodeError(f'{path}: footer unreadable: {error}') from error
    statistics = summary.statistics if summary else None
    if summary is None or statistics is None:
        raise EpisodeError(f'{path}: no footer after sealing')
    counts = {
        summary.channels[channel].topic: count
        for channel, count in statistics.channel_message_counts.items()
    }
    if counts != dict(written):
        raise EpisodeError(f'{path}: counts {counts} on disk, {dict(written)} were written')


def close_in_place(contents: Contents, metadata: Mapping[str, Mapping[str, str]]) -> None:
    """Cut the torn end off, append the metadata records, summary and footer, and fsync."""
    path = contents.path
    if not contents.end:
        raise McapError(f'{path}: {contents.damage}')
    with path.open('r+b') as file:
        if contents.chunks:
            _complete_indexes(contents, file)
        file.truncate(contents.end)
        file.seek(contents.end)
        for name, data in metadata.items():
            builder = RecordBuilder()
            Metadata(name=name, metadata=dict(data)).write(builder)
            content = builder.end()
            where = MetadataIndex(file.tell(), len(content), name)
            contents.metadata.append((where, dict(data)))
            file.write(content)
        builder = RecordBuilder()
        DataEnd(0).write(builder)
        file.write(builder.end())
        contents.end = file.tell()
        file.write(_summary(contents))
        file.flush()
        os.fsync(file.fileno())
    contents.size = path.stat().st_size
    contents.whole = True


def _complete_indexes(contents: Contents, file: BinaryIO) -> None:
    """Write message indexes that the cut, or damage, took away: readers go by them."""
    last = contents.chunks[-1]
    start = last.chunk_start_offset + last.chunk_length
    if contents.end <= start + last.message_index_length:  # nothing else follows the last chunk
        indexes = _indexes(last, file)
        if set(indexes) != set(last.message_index_offsets):
            contents.end = _write_indexes(last, indexes, file, start)
    for chunk in contents.chunks:
        if not chunk.message_index_offsets:  # there is no room behind it: at the end
            contents.end = _write_indexes(chunk, _indexes(chunk, file), file, contents.end)


def _indexes(chunk: ChunkIndex, file: BinaryIO) -> dict[int, MessageIndex]:
    indexes: dict[int, MessageIndex] = {}
    for offset, record in chunk_records(read_chunk(file, chunk.chunk_start_offset)):
        if isinstance(record, Message):
            index = indexes.setdefault(record.channel_id, MessageIndex(record.channel_id, []))
            index.records.append((record.log_time, offset))
    return indexes


def _write_indexes(
    chunk: ChunkIndex, indexes: Mapping[int, MessageIndex], file: BinaryIO, start: int
) -> int:
    """Write a chunk's indexes at `start`; where they end. Their length counts from the chunk."""
    builder = RecordBuilder()
    chunk.message_index_offsets = {}
    for channel_id, index in indexes.items():
        chunk.message_index_offsets[channel_id] = start + builder.count
        index.write(builder)
    end = start + int(builder.count)
    chunk.message_index_length = end - chunk.chunk_start_offset - chunk.chunk_length
    file.seek(start)
    file.write(builder.end())
    return end


def _summary(contents: Contents) -> bytes:
    start = contents.end
    builder = RecordBuilder()
    statistics = Statistics(
        attachment_count=0,
        channel_count=len(contents.channels),
        channel_message_counts=dict(contents.counts),
        chunk_count=len(contents.chunks),
        message_count=contents.message_count,
        message_end_time=contents.end_ns,
        message_start_time=contents.start_ns,
        metadata_count=len(contents.metadata),
        schema_count=len(contents.schemas),
    )
    groups = (
        (Opcode.SCHEMA, list(contents.schemas.values())),
        (Opcode.CHANNEL, list(contents.channels.values())),
        (Opcode.STATISTICS, [statistics]),
        (Opcode.CHUNK_INDEX, contents.chunks),
        (Opcode.METADATA_INDEX, [index for index, _ in contents.metadata]),
    )
    offsets = []
    for opcode, records in groups:
        group_start = builder.count
        for record in records:
            record.write(builder)
        length = builder.count - group_start
        if length:
            offsets.append(SummaryOffset(opcode, start + group_start, length))
    offset_start = start + builder.count
    for summary_offset in offsets:
        summary_offset.write(builder)
    body = builder.end()
    head = struct.pack('<BQQQ', Opcode.FOOTER, 20, start, offset_start)
    Footer(start, offset_start, zlib.crc32(head, zlib.crc32(body))).write(builder)
    return body + builder.end() + MAGIC
