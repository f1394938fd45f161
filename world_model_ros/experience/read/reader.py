# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads episodes: whole ones and those cut short, messages as they were received.

Owns the way from an episode directory to its metadata and raw messages. A file without a footer is
read up to its last whole chunk. Decoding is the caller's; so is assembly. Must not import ROS or
torch.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from mcap.records import Message

from world_model_ros.contract import Contract, parse_contract
from world_model_ros.experience.bag import (
    ACTIVE_SUFFIX,
    BEGIN_RECORD,
    END_RECORD,
    IMAGINED_ROLE,
    UNNAMED,
    EpisodeEnd,
    EpisodeError,
    EpisodeInfo,
    Topic,
    find_mcap,
)
from world_model_ros.experience.read.scan import DAMAGE, Contents, chunk_records, read_chunk, scan
from world_model_ros.experience.record.recover import topic_of
from world_model_ros.experience.record.sink import UNREADABLE_FOLDER

# Decoded chunks kept for picking single messages: ticks look back a few messages, not minutes.
CACHED_CHUNKS = 8
# All of them together, as far as they are more than one: a chunk may have 128 MiB.
CACHED_BYTES = 256 << 20


class RawMessage(NamedTuple):
    """A message as it was received."""

    topic: str
    type: str
    log_ns: int
    publish_ns: int
    data: bytes


class Place(NamedTuple):
    """Where a message lies: its chunk, and its number among the chunk's messages."""

    chunk: int
    number: int


class EpisodeReader:
    """One episode. Opening it walks the whole file once and checks every chunk's CRC.

    Raises:
        EpisodeError: it cannot be read; whatever is in the file, it is this error.
    """

    def __init__(self, path: Path | str) -> None:
        self.directory = Path(path)
        self.file = find_mcap(self.directory)
        self.contents: Contents = scan(self.file)
        begin = self.contents.record(BEGIN_RECORD)
        if begin is None:
            raise EpisodeError(
                f'{self.file}: no {BEGIN_RECORD} record at the start'
                f'{": " + self.contents.damage if self.contents.damage else ""}; a bag of another '
                'recorder, or damaged'
            )
        self.info = EpisodeInfo.from_record(begin, str(self.file))
        self.topics: dict[str, Topic] = {}
        for channel in self.contents.channels.values():
            try:
                self.topics[channel.topic] = topic_of(self.contents, channel)
            except EpisodeError as error:
                raise EpisodeError(f'{self.file}: {error}') from error

    @property
    def whole(self) -> bool:
        """Whether the file has its footer."""
        return self.contents.whole

    @cached_property
    def contract(self) -> Contract:
        """The contract under which the episode was recorded.

        A kind whose plug-in is not installed here has a stand-in: the other streams can be read.
        """
        if not self.info.contract_text:
            raise EpisodeError(f'{self.file}: the episode holds no contract; name one')
        return parse_contract(self.info.contract_text, str(self.file), keep_missing=True)

    @cached_property
    def end(self) -> EpisodeEnd:
        """How the recording ended."""
        record = self.contents.record(END_RECORD)
        if record is None:
            return EpisodeEnd('unsealed', self.contents.damage)
        return EpisodeEnd.from_record(record, str(self.file))

    @property
    def imagined(self) -> str:
        """What an imagined robot began from, as JSON; '' for a real or simulated one.

        Its mark may have come after the beginning of the file: a message of it says so too.
        """
        said = self.contents.topic_counts().get(self.topic(IMAGINED_ROLE), 0)
        return self.info.imagined or (UNNAMED if said else '')

    def topic(self, role: str) -> str:
        """The recorded name of a role (`tick`, `stream.camera`, ...); '' where it is unknown."""
        return self.info.topics.get(role, '')

    def messages(self, topics: Collection[str] | None = None) -> Iterator[RawMessage]:
        """Messages in the order in which they were written."""
        for _, message in self.places(topics):
            yield message

    def places(self, topics: Collection[str] | None = None) -> Iterator[tuple[Place, RawMessage]]:
        """Messages with their places, for an index that does not hold the bytes.

        Raises:
            EpisodeError: the file changed or broke since it was opened.
        """
        wanted = {
            channel.id
            for channel in self.contents.channels.values()
            if topics is None or channel.topic in topics
        }
        for number, index in enumerate(self.contents.chunks):
            # A chunk whose index was torn off lists no channels: look inside.
            listed = set(index.message_index_offsets)
            if listed and not wanted & listed:
                continue
            for place, message in enumerate(self._chunk(number)):
                if message.channel_id in wanted:
                    yield Place(number, place), self._raw(message)

    def at(self, place: Place) -> RawMessage:
        """The message at a place that `places` gave."""
        cached = self._cache.get(place.chunk)
        if cached is None:
            cached = self._chunk(place.chunk)
            self._cache[place.chunk] = cached
            while len(self._cache) > 1 and self._cache_is_full():
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(place.chunk)
        return self._raw(cached[place.number])

    @cached_property
    def _cache(self) -> OrderedDict[int, list[Message]]:
        return OrderedDict()

    def _cache_is_full(self) -> bool:
        sizes = [self.contents.chunks[number].uncompressed_size for number in self._cache]
        return len(sizes) > CACHED_CHUNKS or sum(sizes) > CACHED_BYTES

    def _chunk(self, number: int) -> list[Message]:
        try:
            with self.file.open('rb') as file:
                chunk = read_chunk(file, self.contents.chunks[number].chunk_start_offset)
            return [record for _, record in chunk_records(chunk) if isinstance(record, Message)]
        except DAMAGE as error:
            raise EpisodeError(f'{self.file}: changed while it was read: {error}') from error

    def _raw(self, message: Message) -> RawMessage:
        topic = self.topics[self.contents.channels[message.channel_id].topic]
        return RawMessage(
            topic.name, topic.type, message.log_time, message.publish_time, message.data
        )


def list_episodes(root: Path | str, *, active: bool = False) -> list[Path]:
    """Episode directories below `root`, oldest first; those still recording only if asked."""
    found: list[tuple[int, Path]] = []
    # A recorder renames and removes directories meanwhile: os.walk passes over what is gone.
    for folder, folders, files in os.walk(root):
        if UNREADABLE_FOLDER in folders:  # what could not be sealed; see recover.py
            folders.remove(UNREADABLE_FOLDER)
        path = Path(folder)
        if not any(name.endswith('.mcap') for name in files):
            continue
        if active or not path.name.endswith(ACTIVE_SUFFIX):
            with contextlib.suppress(FileNotFoundError):
                found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]
