# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rebuilds what the agent saw at every tick from the recorded messages, and compares.

Owns the way from a bag to ticks with observations. The messages are those that the tick record
names (stream_messages.py); the arrays come from the agent's own assembly. A tick whose message was
lost is unrebuilt, never filled with another one.
Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.task_section import TASK
from world_model_ros.experience.episode_limits import TICKS, check_limit, read_json, whole
from world_model_ros.experience.read.reader import EpisodeReader
from world_model_ros.experience.read.stream_messages import Picked, StreamMessages
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.observation import (
    NO_CHECKSUM,
    MessageId,
    Observation,
    StreamSample,
)
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.wire.cdr import JOINT_STATE, decode, header_stamp_ns

# rebuilt: bit for bit what the agent used. approximate: not, a picture was stored with lossy
# compression. different: not, and nothing explains it. unrebuilt: a message is missing in the bag.
# unobserved: the agent itself had no valid observation, there is nothing to compare.
Status = Literal['rebuilt', 'approximate', 'different', 'unrebuilt', 'unobserved']


@dataclass(frozen=True)
class RebuiltTick:
    """A tick record and the observation made again from the bag."""

    record: TickRecord
    observation: Observation | None
    status: Status
    reason: str = ''

    @property
    def usable(self) -> bool:
        """Whether the arrays are what the agent saw, but for what compression cost."""
        return self.status in ('rebuilt', 'approximate')


@dataclass
class ParityReport:
    """How many ticks of an episode could be made again."""

    ticks: int = 0
    rebuilt: int = 0
    approximate: int = 0
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
    """All tick records by tick number, once each.

    Raises:
        ValueError: a message is no tick record.
        McapError: there are more of them than one episode may have.
    """
    name = reader.topic('tick')
    ticks: dict[int, TickRecord] = {}
    for message in reader.messages({name}):
        record = tick_record(message.data)
        if record.episode == reader.info.uuid:
            ticks.setdefault(record.tick, record)
            check_limit('ticks', len(ticks), TICKS)
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
    contract = readable(contract or reader.contract)
    messages = StreamMessages(reader, contract)
    assembler = Assembler(contract)
    wanted = {stream.name for stream in contract.sensed}
    picked: dict[str, list[Picked]] = {}

    def lookup(stream: str, stamp_ns: int, number: int) -> bytes:
        return next(message.cdr for message in picked[stream] if message.checksum == number)

    for record in read_ticks(reader):
        used = {
            n: s for n, s in record.streams.items() if s.checksum != NO_CHECKSUM and n in wanted
        }
        picked = {}
        for name, sample in used.items():
            found = [messages.pick(name, message) for message in sample.messages]
            if None not in found:
                picked[name] = [message for message in found if message is not None]
        lacking = [name for name in used if name not in picked]
        if lacking:
            reason = f'tick {record.tick}: the message of {", ".join(lacking)} is not in the bag'
            yield RebuiltTick(record, None, 'unrebuilt', reason)
            continue
        if contract.task is not None and set(record.task) == set(contract.task.names):
            assembler.set_task(np.array([record.task[n] for n in contract.task.names]))
        observation = assembler.assemble_exact(
            record.t_ns,
            {name: _as_found(sample, picked[name]) for name, sample in used.items()},
            lookup,
        )
        lossless = all(message.lossless for found in picked.values() for message in found)
        yield _compare(record, observation, lossless)


def _as_found(sample: StreamSample, found: Sequence[Picked]) -> list[MessageId]:
    """The messages of a stream with the checksums that they have in the bag."""
    pairs = zip(sample.messages, found, strict=True)
    return [MessageId(wanted.stamp_ns, message.checksum) for wanted, message in pairs]


def readable(contract: Contract) -> Contract:
    """The contract without the streams whose kind is missing here: the others can be read."""
    streams = tuple(s for s in contract.streams if not stream_kind(s.kind).missing)
    return (
        contract if len(streams) == len(contract.streams) else replace(contract, streams=streams)
    )


def _compare(record: TickRecord, observation: Observation, lossless: bool) -> RebuiltTick:
    if record.obs_crc < 0 and not record.valid:
        return RebuiltTick(record, observation, 'unobserved')
    fewer = set(observation.samples) < set(record.streams)
    if fewer or bool(record.task) != (TASK in observation.arrays):
        return _compare_part(record, observation, lossless)
    if observation.crc == record.obs_crc:
        return RebuiltTick(record, observation, 'rebuilt')
    errors = [s.error for s in observation.samples.values() if s.error]
    if not lossless and observation.decoded:
        return RebuiltTick(record, observation, 'approximate')
    reason = (
        f'tick {record.tick}: arrays have CRC {observation.crc}, the agent recorded '
        f'{record.obs_crc}{"; " + errors[0] if errors else ""}'
    )
    return RebuiltTick(record, observation, 'different', reason)


def _compare_part(record: TickRecord, observation: Observation, lossless: bool) -> RebuiltTick:
    """Judge fewer streams than were recorded: only their messages have a CRC, not the arrays."""
    errors = [s.error for s in observation.samples.values() if s.error]
    if observation.decoded:
        return RebuiltTick(record, observation, 'rebuilt' if lossless else 'approximate')
    return RebuiltTick(record, observation, 'different', f'tick {record.tick}: {errors[0]}')


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
        announced = read_json(reader.info.announced, 'announced')
        return whole(announced['first_tick'], 'first_tick')
    except (ValueError, LookupError, TypeError):
        return ticks[0].tick if ticks else 0
