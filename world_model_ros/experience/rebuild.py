# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rebuilds what the agent saw at every tick from the recorded messages, and compares.

Owns the way from a bag to ticks with observations. Messages are picked by the stamp and checksum
that the tick record names, never by arrival order; the arrays come from the agent's own assembly.
A tick whose message was lost is unrebuilt, never filled with another one.
Must not import ROS or torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from world_model_ros.contract import Contract
from world_model_ros.experience.bag import EpisodeError
from world_model_ros.experience.reader import EpisodeReader, Place
from world_model_ros.onboard.assembly import NO_CHECKSUM, Assembler, Observation
from world_model_ros.onboard.messages import (
    JOINT_STATE,
    MessageError,
    checksum,
    decode,
    header_stamp_ns,
)
from world_model_ros.onboard.tick_record import TickRecord

# rebuilt: bit for bit what the agent used. different: not. unrebuilt: a message is missing in the
# bag. unobserved: the agent itself had no valid observation, there is nothing to compare.
Status = Literal['rebuilt', 'different', 'unrebuilt', 'unobserved']


@dataclass(frozen=True)
class RebuiltTick:
    """A tick record and the observation made again from the bag."""

    record: TickRecord
    observation: Observation | None
    status: Status
    reason: str = ''


@dataclass
class ParityReport:
    """How many ticks of an episode could be made again."""

    ticks: int = 0
    rebuilt: int = 0
    different: int = 0
    unrebuilt: int = 0
    unobserved: int = 0
    lost_ticks: int = 0  # tick records that are not in the bag and were not skipped by the agent
    first_problem: str = ''

    def add(self, other: ParityReport) -> None:
        """Add the counts of another episode."""
        for name, value in asdict(other).items():
            if name != 'first_problem':
                setattr(self, name, getattr(self, name) + value)
        self.first_problem = self.first_problem or other.first_problem


def read_ticks(reader: EpisodeReader) -> list[TickRecord]:
    """All tick records by tick number, once each."""
    name = reader.topic('tick')
    ticks: dict[int, TickRecord] = {}
    for message in reader.messages({name}):
        record = tick_record(message.data)
        if record.episode == reader.info.uuid:
            ticks.setdefault(record.tick, record)
    return [ticks[number] for number in sorted(ticks)]


def tick_record(cdr: bytes) -> TickRecord:
    """A tick record from its message as received."""
    message = decode(JOINT_STATE, cdr)
    return TickRecord.from_doubles(
        list(message.name), message.position, header_stamp_ns(cdr), message.header.frame_id
    )


def rebuild(
    episode: Path | str | EpisodeReader, contract: Contract | None = None
) -> Iterator[RebuiltTick]:
    """Every recorded tick in order, with its observation where the messages are there.

    `contract` is the episode's own unless given: another one must find its streams in the bag.
    """
    reader = episode if isinstance(episode, EpisodeReader) else EpisodeReader(episode)
    contract = contract or reader.contract
    places = _index(reader, contract)
    assembler = Assembler(contract)

    def lookup(stream: str, stamp_ns: int, wanted: int) -> bytes | None:
        place = places.get((stream, stamp_ns, wanted))
        return None if place is None else reader.at(place).data

    for record in read_ticks(reader):
        lacking = [
            name
            for name, sample in record.streams.items()
            if sample.checksum != NO_CHECKSUM
            and (name, sample.stamp_ns, sample.checksum) not in places
        ]
        if lacking:
            reason = f'tick {record.tick}: the message of {", ".join(lacking)} is not in the bag'
            yield RebuiltTick(record, None, 'unrebuilt', reason)
            continue
        observation = assembler.assemble_exact(
            record.t_ns,
            {name: sample.stamp_ns for name, sample in record.streams.items()},
            {name: sample.checksum for name, sample in record.streams.items()},
            lookup,
        )
        yield _compare(record, observation)


def _compare(record: TickRecord, observation: Observation) -> RebuiltTick:
    if record.obs_crc < 0 and not record.valid:
        return RebuiltTick(record, observation, 'unobserved')
    if observation.crc == record.obs_crc:
        return RebuiltTick(record, observation, 'rebuilt')
    errors = [s.error for s in observation.samples.values() if s.error]
    reason = (
        f'tick {record.tick}: arrays have CRC {observation.crc}, the agent recorded '
        f'{record.obs_crc}{"; " + errors[0] if errors else ""}'
    )
    return RebuiltTick(record, observation, 'different', reason)


def _index(reader: EpisodeReader, contract: Contract) -> dict[tuple[str, int, int], Place]:
    """Where each message of a stream lies, by stream, stamp and checksum."""
    streams = {stream_topic(reader, contract, s.name): s for s in contract.streams}
    by_checksum: dict[tuple[str, int], Place] = {}
    places: dict[tuple[str, int, int], Place] = {}
    receive = {stream.name for stream in contract.streams if stream.stamp == 'receive'}
    for place, message in reader.places(set(streams)):
        name, number = streams[message.topic].name, checksum(message.data)
        if name in receive:
            by_checksum[name, number] = place
            continue
        try:
            places[name, header_stamp_ns(message.data), number] = place
        except MessageError:
            continue  # not usable by the agent either
    if receive:
        # The agent's receive time is known to its tick records only; the checksum must do.
        for record in read_ticks(reader):
            for name in receive & set(record.streams):
                sample = record.streams[name]
                found = by_checksum.get((name, sample.checksum))
                if found is not None:
                    places[name, sample.stamp_ns, sample.checksum] = found
    return places


def stream_topic(reader: EpisodeReader, contract: Contract, name: str) -> str:
    """The recorded topic of a stream; raises EpisodeError naming the stream that is missing."""
    found = reader.topic(f'stream.{name}')
    if found:
        return found
    wanted = contract.stream(name).topic.strip('/')
    matches = [topic for topic in reader.topics if f'/{topic.strip("/")}'.endswith(f'/{wanted}')]
    if len(matches) == 1:
        return matches[0]
    raise EpisodeError(
        f'{reader.file}: no recorded topic for stream {name!r} ({wanted}); '
        f'the bag holds {", ".join(sorted(reader.topics)) or "nothing"}'
    )


def parity(episode: Path | str | EpisodeReader, contract: Contract | None = None) -> ParityReport:
    """Rebuild a whole episode and count."""
    reader = episode if isinstance(episode, EpisodeReader) else EpisodeReader(episode)
    report = ParityReport()
    records = []
    for tick in rebuild(reader, contract):
        report.ticks += 1
        setattr(report, tick.status, getattr(report, tick.status) + 1)
        if tick.reason and not report.first_problem:
            report.first_problem = tick.reason
        records.append(tick.record)
    report.lost_ticks = lost_records(reader, records)
    return report


def lost_records(reader: EpisodeReader, ticks: Sequence[TickRecord]) -> int:
    """Tick records that the agent published and the bag lacks, up to the last one it has."""
    lost, due = 0, first_tick(reader, ticks)
    for record in ticks:
        # The agent says itself how many ticks it skipped before this one.
        lost += max(0, record.tick - due - record.skipped)
        due = record.tick + 1
    return lost


def first_tick(reader: EpisodeReader, ticks: Sequence[TickRecord]) -> int:
    """The number of the episode's first tick, as announced: segments go on counting."""
    try:
        return int(json.loads(reader.info.announced)['first_tick'])
    except (ValueError, KeyError, TypeError):
        return ticks[0].tick if ticks else 0
