# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of any rosbag2 MCAP file: with chunks or without, whole, cut off or damaged.

Owns the walk over a file of another recorder. The limits are those of episodes, but for the size
of the file: nothing of it is kept. Must not import ROS or torch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Message, Schema

from world_model_ros.experience.bag import Topic
from world_model_ros.experience.episode_limits import CHUNK_BYTES, MESSAGES, TOPICS, check_limit
from world_model_ros.experience.read.importers.arrived import ImportRefused
from world_model_ros.experience.read.importers.rosbag_files import (
    BagFile,
    BagMessage,
    BagTopic,
    offered_qos,
)
from world_model_ros.experience.read.scan import (
    DAMAGE,
    MAGIC,
    Frame,
    chunk_records,
    frames,
    read_content,
)

_MESSAGE = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time; then the data
_HEAD_BYTES = 9  # opcode and length of a record


def open_mcap(path: Path) -> BagFile:
    """Look through a file: topics, counts, damage.

    Raises:
        ImportRefused: it is no MCAP file.
        LimitError: it holds more than any recording may.
    """
    with path.open('rb') as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ImportRefused(
                f'{path}: expected an MCAP file, its first bytes are others: is it complete? '
                'Copy it again, or leave it out'
            )
    topics: dict[str, BagTopic] = {}
    notes: list[str] = []
    bag = BagFile(path, topics, lambda: _messages(path, topics, []), notes)
    for total, message in enumerate(_messages(path, topics, notes)):
        topics[message.topic].count += 1
        check_limit('messages', total + 1, MESSAGES)
    return bag


def _messages(path: Path, topics: dict[str, BagTopic], notes: list[str]) -> Iterator[BagMessage]:
    """All messages in stored order; fills `topics` on the way."""
    schemas: dict[int, Schema] = {}
    channels: dict[int, str] = {}
    for record in _records(path, notes):
        if isinstance(record, Schema):
            schemas[record.id] = record
            check_limit('schemas', len(schemas), TOPICS)
        elif isinstance(record, Channel):
            schema = schemas.get(record.schema_id)
            channels[record.id] = record.topic
            check_limit('topics', len(channels), TOPICS)
            topics.setdefault(
                record.topic,
                BagTopic(
                    Topic(
                        record.topic,
                        schema.name if schema else '',
                        offered_qos(record.metadata.get('offered_qos_profiles', '')),
                    ),
                    record.message_encoding,
                ),
            )
        elif record.channel_id in channels:  # else damage took its channel
            yield BagMessage(channels[record.channel_id], record.log_time, record.data)


def _records(path: Path, notes: list[str]) -> Iterator[Schema | Channel | Message]:
    size, whole = path.stat().st_size, False
    with path.open('rb') as file:
        for frame in frames(file, size):
            if frame.opcode == Opcode.DATA_END:
                whole = True
                break
            try:
                found = _of_frame(file, frame)
            except DAMAGE as error:
                reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:200]
                notes.append(f'{path.name}: damaged at byte {frame.offset}, left out: {reason}')
                if frame.opcode != Opcode.CHUNK:
                    return
                continue
            yield from found
    if not whole:
        notes.append(f'{path.name}: cut off at byte {size}; what is before is read')


def _of_frame(file: BinaryIO, frame: Frame) -> list[Schema | Channel | Message]:
    if frame.opcode == Opcode.CHUNK:
        return [record for _, record in chunk_records(Chunk.read(read_content(file, frame)))]
    if frame.opcode == Opcode.MESSAGE:
        check_limit('bytes of a message', frame.length, CHUNK_BYTES)
        file.seek(frame.offset + _HEAD_BYTES)
        content = file.read(frame.length)
        channel, sequence, log_ns, publish_ns = _MESSAGE.unpack_from(content)
        return [Message(channel, log_ns, content[_MESSAGE.size :], publish_ns, sequence)]
    if frame.opcode == Opcode.SCHEMA:
        return [Schema.read(read_content(file, frame))]
    if frame.opcode == Opcode.CHANNEL:
        return [Channel.read(read_content(file, frame))]
    return []
