# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The record of one tick as a list of named doubles, schema versions 1 and 2.

Owns the names, their order and both directions. A record is read without a contract: joints and
streams are in its names. Schema 2 is written by robots with a contract of format 2: of a stream in
parts it names every message. docs/reference/tick_record.md is the same list for readers. Must not
import ROS, torch or a bundle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.onboard.tick.observation import MessageId, StreamSample

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

TICK_SCHEMA = 2  # the newest
TICK_SCHEMAS = (1, 2)  # what is read
# The position in this tuple is the code on the wire: append only.
SOURCES = (
    'none',
    'plan',
    'policy',
    'chunk_rest',
    'safe',
    'teleop',
    'explore',
    'disabled',
    'stopped',
    'foreign',
    'measured',  # no command is known: the action is what the joints showed at its end
    'home',  # the guard took the robot home, as a person had confirmed
)
FLAGS = ('first', 'last', 'terminal', 'truncated', 'intervention', 'explore', 'eval', 'valid')
_HEAD = (
    'schema',
    'tick',
    *FLAGS,
    'source',
    'release',
    'iterations',
    'noise_key_hi',
    'noise_key_lo',
    'reward',
    'lateness',
    'surprise',
    'value',
    'skipped',
    'obs_crc',
)
_STREAM = ('stamp_sec', 'stamp_nanosec', 'checksum', 'fresh', 'age')
_SENT = 'action.sent.'  # + joint
_TASK = 'task.value.'  # + name
_MARK = '.checksum'  # behind the name of a stream
_PART = ('stamp_sec', 'stamp_nanosec', 'checksum')  # of each further message of a stream in parts
MAX_PARTS = 256  # joints of one stream: each from a message of its own
_NS_PER_SEC = 1_000_000_000
_MISSING = math.nan
_MAX_WHOLE = float(1 << 53)


class TickRecordError(ValueError):
    """A message that is not a tick record this version can read."""


@dataclass
class TickRecord:
    """What happened at one tick. Times in s, actions in SI units, missing numbers NaN."""

    episode: str  # uuid
    t_ns: int
    tick: int
    first: bool = False
    last: bool = False
    terminal: bool = False
    truncated: bool = False
    intervention: bool = False
    explore: bool = False
    eval: bool = False
    valid: bool = False
    source: str = 'none'
    release: int = 0
    iterations: int = 0
    noise_key: int = 0
    reward: float = _MISSING  # measured in (t_{k-1}, t_k], not predicted
    lateness: float = _MISSING
    surprise: float = _MISSING
    value: float = _MISSING
    skipped: int = 0
    obs_crc: int = -1  # Observation.crc of the arrays that were used; -1: none were
    joints: tuple[str, ...] = ()
    asked: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [A] float64
    sent: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [A] float64
    streams: dict[str, StreamSample] = field(default_factory=dict)
    schema: int = 1
    task: dict[str, float] = field(default_factory=dict)  # in force in this episode

    @property
    def frame_id(self) -> str:
        """header.frame_id of the message."""
        return f'{self.episode}/{self.schema}'

    def names(self) -> list[str]:
        """The names of to_doubles(), in its order."""
        parts = {name: len(sample.parts) for name, sample in self.streams.items()}
        return _names(self.joints, parts, tuple(self.task))

    def to_doubles(self) -> list[float]:
        """All numbers of the record, exact."""
        out = [float(self.schema), float(self.tick)]
        out += [float(getattr(self, flag)) for flag in FLAGS]
        out += [
            float(SOURCES.index(self.source)),
            float(self.release),
            float(self.iterations),
            float(self.noise_key >> 32),
            float(self.noise_key & 0xFFFFFFFF),
            self.reward,
            self.lateness,
            self.surprise,
            self.value,
            float(self.skipped),
            float(self.obs_crc),
        ]
        out += [float(value) for value in self.asked]
        out += [float(value) for value in self.sent]
        for sample in self.streams.values():
            first, *others = sample.messages
            out += [*_doubles(first), float(sample.fresh), sample.age_s]
            for part in others:
                out += _doubles(part)
        return out + [float(value) for value in self.task.values()]

    @classmethod
    def from_doubles(
        cls, names: Sequence[str], values: Sequence[float], t_ns: int, frame_id: str
    ) -> TickRecord:
        """Read a record back; names that this version does not know are left alone."""
        if len(names) != len(values):
            raise TickRecordError(
                f'expected as many numbers as names, got {len(values)} and '
                f'{len(names)}: the message is damaged'
            )
        got = dict(zip(names, (float(v) for v in values), strict=True))
        schema = got.get('schema', 0.0)
        if schema not in TICK_SCHEMAS:
            known = ' or '.join(str(number) for number in TICK_SCHEMAS)
            raise TickRecordError(
                f'expected a tick record of schema {known}, got '
                f'{schema:g}: read it with the version that wrote it, or newer'
            )
        joints = tuple(n[len(_SENT) :] for n in names if n.startswith(_SENT))
        streams = _streams(names, int(schema), got)
        missing = [n for n in _names(joints, streams) if n not in got]
        if missing:
            raise TickRecordError(f'a tick record of schema {schema:g} lacks {missing}')
        code = _whole(got, 'source')
        if not 0 <= code < len(SOURCES):
            raise TickRecordError(f'unknown source code {code}, known are 0..{len(SOURCES) - 1}')
        return cls(
            episode=frame_id.rsplit('/', 1)[0],
            t_ns=t_ns,
            tick=_whole(got, 'tick'),
            **{flag: bool(_whole(got, flag)) for flag in FLAGS},
            source=SOURCES[code],
            release=_whole(got, 'release'),
            iterations=_whole(got, 'iterations'),
            noise_key=_whole(got, 'noise_key_hi') << 32 | _whole(got, 'noise_key_lo'),
            reward=got['reward'],
            lateness=got['lateness'],
            surprise=got['surprise'],
            value=got['value'],
            skipped=_whole(got, 'skipped'),
            obs_crc=_whole(got, 'obs_crc'),
            joints=joints,
            asked=np.array([got[f'action.asked.{joint}'] for joint in joints]),
            sent=np.array([got[f'action.sent.{joint}'] for joint in joints]),
            streams={name: _sample(got, name, parts) for name, parts in streams.items()},
            schema=int(schema),
            task={n[len(_TASK) :]: got[n] for n in names if schema > 1 and n.startswith(_TASK)},
        )


def whole_number(name: str, value: float) -> int:
    """A number of a record that counts or flags something.

    Raises:
        TickRecordError: NaN, infinite, or larger than a double counts exactly.
    """
    if not abs(value) <= _MAX_WHOLE:  # also false for NaN
        raise TickRecordError(f'{name} is {value}: expected a whole number, the record is damaged')
    return int(value)


def _whole(got: dict[str, float], name: str) -> int:
    return whole_number(name, got[name])


def tick_names(contract: Contract) -> list[str]:
    """The names in the tick records of a robot of this contract, without further parts."""
    task = () if contract.task is None else contract.task.names
    return _names(contract.action.names, {stream.name: 0 for stream in contract.sensed}, task)


def tick_schema(contract: Contract) -> int:
    """The schema that a robot of this contract writes: format 1 has nothing that needs 2."""
    return 1 if contract.format == 1 else TICK_SCHEMA


def _streams(names: Sequence[str], schema: int, got: dict[str, float]) -> dict[str, int]:
    """Streams of a record, and how many messages each has beside the first.

    Raises:
        TickRecordError: more of them than a stream can have.
    """
    marked = [n[: -len(_MARK)] for n in names if n.endswith(_MARK) and not n.startswith('action.')]
    if schema == 1:
        return dict.fromkeys(marked, 0)
    streams = {name: 0 for name in marked if '.' not in name}
    for name in streams:
        while _part(name, streams[name] + 1) + _MARK in got:
            streams[name] += 1
        if streams[name] > MAX_PARTS:
            raise TickRecordError(
                f'{streams[name]} parts of stream {name!r}: expected at most {MAX_PARTS}'
            )
    return streams


def _part(stream: str, number: int) -> str:
    return f'{stream}.part{number}'


def _names(
    joints: Sequence[str], streams: Mapping[str, int], task: Sequence[str] = ()
) -> list[str]:
    return [
        *_HEAD,
        *(f'action.asked.{joint}' for joint in joints),
        *(f'action.sent.{joint}' for joint in joints),
        *(name for stream, parts in streams.items() for name in _stream_names(stream, parts)),
        *(f'{_TASK}{name}' for name in task),
    ]


def _stream_names(stream: str, parts: int) -> list[str]:
    names = [f'{stream}.{item}' for item in _STREAM]
    return names + [f'{_part(stream, n + 1)}.{item}' for n in range(parts) for item in _PART]


def _doubles(message: MessageId) -> list[float]:
    # A stamp in ns needs 61 bits and a double has 53: seconds and the rest are exact.
    sec, nanosec = divmod(message.stamp_ns, _NS_PER_SEC)
    return [float(sec), float(nanosec), float(message.checksum)]


def _sample(got: dict[str, float], name: str, parts: int) -> StreamSample:
    """A stream's part; whether it was valid is found out again when it is assembled."""
    first = _message(got, name)
    return StreamSample(
        *first,
        bool(_whole(got, f'{name}.fresh')),
        got[f'{name}.age'],
        first.checksum >= 0,
        '',
        parts=tuple(_message(got, _part(name, n + 1)) for n in range(parts)),
    )


def _message(got: dict[str, float], name: str) -> MessageId:
    seconds, rest = _whole(got, f'{name}.stamp_sec'), _whole(got, f'{name}.stamp_nanosec')
    return MessageId(seconds * _NS_PER_SEC + rest, _whole(got, f'{name}{_MARK}'))
