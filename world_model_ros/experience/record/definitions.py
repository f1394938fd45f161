# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the channels of an episode file are: registered once, and written more than once.

MCAP writes a definition into the chunk of the first message that needs it. A damaged chunk would
take every later message of the channel with it; so each definition stands outside of the chunks,
too, and all of them again after every REPEAT_CHUNKS chunks. Must not import ROS or torch.
"""

from __future__ import annotations

from mcap.data_stream import RecordBuilder
from mcap.records import Channel, Schema
from mcap.writer import Writer

from world_model_ros.experience.bag import Topic, message_definition, type_hash
from world_model_ros.experience.record.sink import Sink

REPEAT_CHUNKS = 8  # 10 kB of definitions in 8 MiB


class Definitions:
    """Schemas and channels of one file. Used by the writer's thread only."""

    def __init__(self, writer: Writer, sink: Sink, chunk_bytes: int) -> None:
        """`sink` is the file behind `writer`, which makes chunks of `chunk_bytes`."""
        self.topics: list[Topic] = []  # in the order of their first message
        self._writer, self._sink = writer, sink
        self._every_bytes = self._repeat_at = REPEAT_CHUNKS * chunk_bytes
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._records: list[bytes] = []  # of schemas and channels

    def channel(self, topic: Topic) -> int:
        """Return the channel of a topic; registered where it is new.

        Raises:
            OSError: the file cannot be written.
            EpisodeError: the message type is not known.
        """
        channel = self._channels.get(topic.name)
        return self._register(topic) if channel is None else channel

    def repeat(self, written_bytes: int) -> None:
        """Write all of them again, far from the first: damage is seldom in one byte alone."""
        if written_bytes >= self._repeat_at:
            self._repeat_at = written_bytes + self._every_bytes
            self._sink.write(b''.join(self._records))

    def _register(self, topic: Topic) -> int:
        schema = self._schemas.get(topic.type)
        if schema is None:
            definition = message_definition(topic.type).encode()
            schema = self._writer.register_schema(topic.type, 'ros2msg', definition)
            self._schemas[topic.type] = schema
            self._write_second_copy(Schema(schema, definition, 'ros2msg', topic.type))
        about = {
            'offered_qos_profiles': topic.qos_yaml(),
            'topic_type_hash': type_hash(topic.type),
        }
        channel = self._writer.register_channel(topic.name, 'cdr', schema, about)
        self._write_second_copy(Channel(channel, topic.name, 'cdr', about, schema))
        self._channels[topic.name] = channel
        self.topics.append(topic)
        return channel

    def _write_second_copy(self, record: Schema | Channel) -> None:
        builder = RecordBuilder()
        record.write(builder)
        self._records.append(bytes(builder.end()))
        self._sink.write(self._records[-1])
