# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The record of one tick as a list of named doubles, schema version 1.

Owns the names, their order and both directions. A record is read without a contract: joints and
streams are in its names. docs/reference/tick_record.md is the same list for readers. Must not
import ROS, torch or a bundle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.onboard.tick.assembly import StreamSample

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

TICK_SCHEMA = 1
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
_MARK = '.checksum'  # behind the name of a stream
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

    @property
    def frame_id(self) -> str:
        """header.frame_id of the message."""
        return f'{self.episode}/{TICK_SCHEMA}'

    def names(self) -> list[str]:
        """The names of to_doubles(), in its order."""
        return _names(self.joints, tuple(self.streams))

    def to_doubles(self) -> list[float]:
        """All numbers of the record, exact."""
        out = [float(TICK_SCHEMA), float(self.tick)]
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
            # A stamp in ns needs 61 bits and a double has 53: seconds and the rest are exact.
            sec, nanosec = divmod(sample.stamp_ns, _NS_PER_SEC)
            out += [
                float(sec),
                float(nanosec),
                float(sample.checksum),
                float(sample.fresh),
                sample.age_s,
            ]
        return out

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
        if schema != TICK_SCHEMA:
            raise TickRecordError(
                f'expected a tick record of schema {TICK_SCHEMA}, got '
                f'{schema:g}: read it with the version that wrote it, or newer'
            )
        joints = tuple(n[len(_SENT) :] for n in names if n.startswith(_SENT))
        streams = tuple(
            n[: -len(_MARK)] for n in names if n.endswith(_MARK) and not n.startswith('action.')
        )
        missing = [n for n in _names(joints, streams) if n not in got]
        if missing:
            raise TickRecordError(f'a tick record of schema {TICK_SCHEMA} lacks {missing}')
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
            streams={name: _sample(got, name) for name in streams},
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
    """The names in the tick records of a robot of this contract."""
    return _names(tuple(contract.action.names), tuple(s.name for s in contract.streams))


def _names(joints: Sequence[str], streams: Sequence[str]) -> list[str]:
    return [
        *_HEAD,
        *(f'action.asked.{joint}' for joint in joints),
        *(f'action.sent.{joint}' for joint in joints),
        *(f'{stream}.{part}' for stream in streams for part in _STREAM),
    ]


def _sample(got: dict[str, float], name: str) -> StreamSample:
    """A stream's part; whether it was valid is found out again when it is assembled."""
    seconds, rest = _whole(got, f'{name}.stamp_sec'), _whole(got, f'{name}.stamp_nanosec')
    stamp_ns = seconds * _NS_PER_SEC + rest
    number = _whole(got, f'{name}.checksum')
    return StreamSample(
        stamp_ns, number, bool(_whole(got, f'{name}.fresh')), got[f'{name}.age'], number >= 0, ''
    )
