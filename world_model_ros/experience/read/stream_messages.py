# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds in a bag the very message that a tick used.

Owns the index from a tick record's stamp and checksum to the place of the message. A picture
stored in another form (pictures.py) no longer has the bytes that the checksum was taken of: it is
found by its stamp alone, and whether it was the right one shows in the CRC of the arrays.
Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from world_model_ros.contract import Contract, Recording
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience.bag import EpisodeError, Topic
from world_model_ros.experience.pictures import (
    COMPRESSED_SUFFIX,
    MODEL_INPUT_SUFFIX,
    decompressed,
    stored_form,
)
from world_model_ros.experience.read.reader import EpisodeReader, Place
from world_model_ros.onboard.tick.observation import MessageId
from world_model_ros.wire.cdr import MessageError, checksum, header_stamp_ns


@dataclass(frozen=True)
class Picked:
    """A message of a tick as the assembly takes it."""

    cdr: bytes
    checksum: int  # of `cdr`
    lossless: bool = True


class StreamMessages:
    """The stream messages of one episode, by what tick records say of them.

    Raises:
        EpisodeError: a stream of the contract has no topic in the bag.
    """

    def __init__(self, reader: EpisodeReader, contract: Contract) -> None:
        self._reader = reader
        self._forms: dict[str, Recording] = {}
        self._receive = {stream.name for stream in contract.sensed if stream.stamp == 'receive'}
        names: dict[str, list[str]] = {}  # streams may share a topic: joints in parts
        for stream in contract.sensed:
            topic = stream_topic(reader, contract, stream.name)
            names.setdefault(topic, []).append(stream.name)
            # A topic of which no message arrived is none of the bag's.
            sent = stream_kind(stream.kind).type_of(stream)
            self._forms[stream.name] = stored_form(
                reader.topics.get(topic, Topic(topic, '')), sent
            )
        self._exact: dict[tuple[str, int, int], Place] = {}  # stream, stamp, checksum
        self._received: dict[tuple[str, int], Place] = {}  # stream, checksum
        # stream, stamp -> checksum and place; None: two messages claim the same stamp
        self._by_stamp: dict[tuple[str, int], tuple[int, Place] | None] = {}
        self._index(names)

    def pick(self, stream: str, wanted: MessageId) -> Picked | None:
        """The message that a tick used, as an agent could have received it; None if lost."""
        form = self._forms.get(stream)
        if form is None:
            return None
        if form == 'raw':
            place = (
                # The agent's time of reception is known to its records only.
                self._received.get((stream, wanted.checksum))
                if stream in self._receive
                else self._exact.get((stream, wanted.stamp_ns, wanted.checksum))
            )
            return None if place is None else Picked(self._reader.at(place).data, wanted.checksum)
        found = self._by_stamp.get((stream, wanted.stamp_ns))
        if found is None:
            return None
        number, place = found
        stored = self._reader.at(place).data
        if form == 'model_input':
            return Picked(stored, number)
        try:
            cdr, lossless = decompressed(stored)
        except MessageError:
            return None  # the agent saw a picture; this is none
        return Picked(cdr, checksum(cdr), lossless)

    def _index(self, names: Mapping[str, Sequence[str]]) -> None:
        for place, message in self._reader.places(set(names)):
            number = checksum(message.data)
            try:
                stamp_ns: int | None = header_stamp_ns(message.data)
            except MessageError:
                stamp_ns = None
            for name in names[message.topic]:
                stored_raw = self._forms[name] == 'raw'
                if stored_raw and name in self._receive:
                    self._received[name, number] = place
                elif stamp_ns is None:
                    continue  # not usable by the agent either
                elif stored_raw:
                    self._exact[name, stamp_ns, number] = place
                else:
                    self._note(name, stamp_ns, number, place)

    def _note(self, name: str, stamp_ns: int, number: int, place: Place) -> None:
        """Remember a message by its stamp, unless another one has it: nothing is guessed."""
        if (name, stamp_ns) not in self._by_stamp:
            self._by_stamp[name, stamp_ns] = (number, place)
            return
        before = self._by_stamp[name, stamp_ns]
        if before is not None and before[0] != number:
            self._by_stamp[name, stamp_ns] = None


def stream_topic(reader: EpisodeReader, contract: Contract, name: str) -> str:
    """The recorded topic of a stream; raises EpisodeError naming the stream that is missing."""
    found = reader.topic(f'stream.{name}')
    if found:
        return found
    wanted = contract.stream(name).topic.strip('/')
    for form in ('', MODEL_INPUT_SUFFIX, COMPRESSED_SUFFIX):  # what loses least comes first
        ending = f'/{wanted}{form}'
        matches = [topic for topic in reader.topics if f'/{topic.strip("/")}'.endswith(ending)]
        if len(matches) == 1:
            return matches[0]
    raise EpisodeError(
        f'{reader.file}: no recorded topic for stream {name!r} ({wanted}); '
        f'the bag holds {", ".join(sorted(reader.topics)) or "nothing"}'
    )
