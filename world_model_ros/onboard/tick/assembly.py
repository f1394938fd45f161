# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stamped messages to the observation of a tick: live, in a simulator, and from a bag.

Owns which message belongs to a tick and whether the tick is valid. Live it picks by time from the
rings of a stream; offline by the recorded stamp and checksum; everything behind the pick is the
same code. `store` may run in another thread than the rest. Must not import ROS, torch, a bundle
or anything that touches a disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.contract.kinds import plugin_of, stream_kind
from world_model_ros.contract.task_section import task_option
from world_model_ros.onboard.tick.heard import Heard, joint_list, leads
from world_model_ros.onboard.tick.observation import (
    NO_CHECKSUM,
    MessageId,
    Observation,
    StreamSample,
)
from world_model_ros.onboard.tick.rings import PartRings, Ring, Stored
from world_model_ros.wire.cdr import checksum
from world_model_ros.wire.decode import StreamError, decoder, merger

if TYPE_CHECKING:
    from world_model_ros.contract import Contract, Stream

MIN_RING_DEPTH = 8
# Age written for a stream without any message: finite, since it travels in a message.
MISSING_AGE_S = 1000.0

Lookup = Callable[[str, int, int], 'bytes | None']  # (stream, stamp_ns, checksum) -> CDR bytes


class Assembler:
    """Holds the newest messages per stream and turns them into the observation of a tick."""

    def __init__(self, contract: Contract) -> None:
        self._streams: tuple[Stream, ...] = tuple(contract.streams)
        self._task = contract.task
        if self._task is not None:
            self._task_values = task_option(self._task, 'default')
        self._trigger = contract.tick_stream  # '' where no stream triggers ticks
        self._by_name = {stream.name: stream for stream in self._streams}
        # What a kind does is found once, not at each message.
        self._sensed = contract.sensed
        kinds = {stream.name: stream_kind(stream.kind) for stream in self._sensed}
        self._kinds = kinds
        self._shared = {name: kind for name, kind in kinds.items() if kind.shared}
        self._stamp_ns = {s.name: _stamp_of(s) for s in self._sensed if s.stamp == 'header'}
        self._decode = {s.name: decoder(s) for s in self._sensed if not s.parts}
        self._merge = {s.name: merger(s) for s in self._sensed if s.parts}
        # Deep enough for a worker that wakes two periods late still to find its tick's message.
        self._depth = {
            s.name: max(MIN_RING_DEPTH, 2 + math.ceil(2.0 * contract.period_s * s.rate_hz))
            for s in self._sensed
        }
        self.clear()

    def set_task(self, values: np.ndarray) -> None:
        """The task [n] from the next tick on, for a whole episode."""
        self._task_values = np.array(values, np.float32)

    @property
    def task(self) -> np.ndarray:
        """The task [n] in force, float32; empty for a robot without one."""
        return self._task_values.copy() if self._task is not None else np.zeros(0, np.float32)

    def clear(self, after_ns: int = -(1 << 62)) -> None:
        """Forget all messages; only those stamped after `after_ns` count from now on."""
        self._after_ns = after_ns
        self._used: dict[str, tuple[MessageId, ...]] = {}
        self._heard = {stream.name: Heard() for stream in self._sensed}
        self._rings = {s.name: Ring(self._depth[s.name]) for s in self._sensed if not s.parts}
        self._parts = {
            s.name: PartRings(s.names, self._depth[s.name]) for s in self._sensed if s.parts
        }

    def store(self, stream_name: str, cdr: bytes, receive_ns: int) -> None:
        """Keep a serialised message; nothing is decoded here but its stamp."""
        stream, heard = self._by_name[stream_name], self._heard[stream_name]
        shared = self._shared.get(stream_name)
        if shared is not None and (others := shared.others(stream, cdr)) is not None:
            heard.others += 1
            heard.joints = joint_list(others)
            return
        stamp_of = self._stamp_ns.get(stream_name)
        held: tuple[str, ...] = ()
        try:
            stamp_ns = receive_ns if stamp_of is None else stamp_of(cdr)
            if stream.parts:
                held = self._kinds[stream_name].held(stream, cdr)
        except ValueError as error:
            heard.error = str(error)
            return
        heard.note(stamp_ns, receive_ns)
        if stamp_ns <= self._after_ns:
            heard.early += 1
            return
        heard.kept += 1
        if stream.parts:
            self._parts[stream_name].put(held, Stored(stamp_ns, cdr))
        else:
            self._rings[stream_name].put(Stored(stamp_ns, cdr))

    def absence(self, stream_name: str) -> str:
        """Why a stream has no message yet, whatever its time; '' if it has one."""
        if self.newest_stamp_ns(stream_name) is not None:
            return ''
        return self._absence(self._by_name[stream_name], 1 << 62, False)

    def ignored(self, stream_name: str) -> int:
        """Messages since the last reset that hold none of the stream's joints."""
        return self._heard[stream_name].others

    def newest_stamp_ns(self, stream_name: str, not_after_ns: int = 1 << 62) -> int | None:
        """The newest stamp that came in on a stream, of those not later than a time.

        Of a stream in parts the newest of the part that is furthest behind.
        """
        picked, _ = self._pick(stream_name, not_after_ns)
        return picked[-1].stamp_ns if picked else None

    def has_stamp(self, stream_name: str, stamp_ns: int) -> bool:
        """Whether the message of exactly this time is there (lockstep waits for it)."""
        picked, _ = self._pick(stream_name, stamp_ns)
        return bool(picked) and picked[-1].stamp_ns == stamp_ns

    def _pick(self, stream_name: str, not_after_ns: int) -> tuple[tuple[Stored, ...], bool]:
        rings = self._parts.get(stream_name) or self._rings[stream_name]
        return rings.pick(not_after_ns)

    def _absence(self, stream: Stream, t_ns: int, future: bool) -> str:
        """Why a stream shows nothing at a time."""
        heard = self._heard[stream.name]
        if stream.parts and not future and heard.kept:
            missing = self._parts[stream.name].missing(t_ns)
            if len(missing) < len(stream.names):
                return heard.lacking(stream, missing)
        return heard.absence(stream, future)

    def assemble(self, t_ns: int) -> Observation:
        """The observation of a tick from what is there now. Never raises; see `valid`."""
        picks: dict[str, tuple[Stored, ...]] = {}
        errors: dict[str, str] = {}
        for stream in self._sensed:
            picks[stream.name], future = self._pick(stream.name, t_ns)
            if not picks[stream.name]:
                errors[stream.name] = self._absence(stream, t_ns, future)
        return self._build(t_ns, picks, errors, live=True)

    def assemble_exact(
        self, t_ns: int, messages: Mapping[str, Sequence[MessageId]], lookup: Lookup
    ) -> Observation:
        """The observation of a recorded tick, from the very messages that the agent used.

        `messages` are those of each stream in the order of the record, one for a stream that is
        not in parts. One that is not in the recording makes the tick invalid, never another one
        used.
        """
        picks: dict[str, tuple[Stored, ...]] = {}
        errors: dict[str, str] = {}
        for stream in self._sensed:
            name = stream.name
            found: list[Stored] = []
            for wanted in messages.get(name, ()):
                if wanted.checksum == NO_CHECKSUM:
                    break
                cdr = lookup(name, *wanted)
                if cdr is None or checksum(cdr) != wanted.checksum:
                    found = []
                    errors[name] = _lost(name, wanted)
                    break
                found.append(Stored(wanted.stamp_ns, cdr))
            picks[name] = tuple(found)
            if not found:
                errors.setdefault(name, Heard().absence(stream, False))
        return self._build(t_ns, picks, errors)

    def _build(
        self,
        t_ns: int,
        picks: Mapping[str, tuple[Stored, ...]],
        errors: Mapping[str, str],
        live: bool = False,
    ) -> Observation:
        """The one way from picked messages to arrays."""
        arrays: dict[str, np.ndarray] = {}
        ages: np.ndarray = np.empty(len(self._streams), np.float32)
        samples: dict[str, StreamSample] = {}
        for i, stream in enumerate(self._streams):
            if stream is self._task:
                arrays[stream.name], ages[i] = self.task, 0.0
                continue
            picked = picks[stream.name]
            if not picked:
                sample = StreamSample(
                    0, NO_CHECKSUM, False, MISSING_AGE_S, False, errors[stream.name]
                )
            else:
                sample = self._sample(t_ns, stream, picked, arrays, live)
            ages[i] = sample.age_s
            samples[stream.name] = sample
        return Observation(t_ns, arrays, ages, samples, all(s.valid for s in samples.values()))

    def _blame(self, stream: Stream, t_ns: int, stamp_ns: int) -> tuple[str, str]:
        """Which clock, not a silent driver, makes the newest message too old: words and stream."""
        age_s = (t_ns - stamp_ns) * 1e-9
        limit_s = age_limit_s(stream)
        trigger = self._by_name.get(self._trigger)
        if trigger is not None and trigger is not stream and self.has_stamp(trigger.name, t_ns):
            ahead_s = -self._heard[trigger.name].delay_ns * 1e-9
            if ahead_s > 0.0 and (words := leads(stream, trigger, age_s, limit_s, ahead_s)):
                return words, trigger.name
        return self._heard[stream.name].lateness(stream, limit_s, age_s), ''

    def _oldest_part(self, stream: Stream, picked: Sequence[Stored]) -> str:
        """The names that only the oldest message gives."""
        held = [self._kinds[stream.name].held(stream, item.cdr) for item in picked]
        newer = {name for names in held[:-1] for name in names}
        return ', '.join(joint_list(tuple(name for name in held[-1] if name not in newer)))

    def _sample(
        self,
        t_ns: int,
        stream: Stream,
        picked: tuple[Stored, ...],
        arrays: dict[str, np.ndarray],
        live: bool,
    ) -> StreamSample:
        used = tuple(MessageId(item.stamp_ns, checksum(item.cdr)) for item in picked)
        fresh = not set(used) & set(self._used.get(stream.name, ()))
        self._used[stream.name] = used
        oldest = picked[-1]
        age_s = min((t_ns - oldest.stamp_ns) * 1e-9, MISSING_AGE_S)
        blamed = ''
        try:
            if stream.parts:
                arrays[stream.name] = self._merge[stream.name]([item.cdr for item in picked])
            else:
                arrays[stream.name] = self._decode[stream.name](oldest.cdr)
            error = too_old(stream, age_s, fresh)
            if error and len(picked) > 1:
                error += f'; {self._oldest_part(stream, picked)} is late'
            if error and live:
                words, blamed = self._blame(stream, t_ns, oldest.stamp_ns)
                error = words or error
        except StreamError as problem:
            error = str(problem)
        first, *others = used
        return StreamSample(*first, fresh, age_s, not error, error, blamed, tuple(others))


def _lost(name: str, wanted: MessageId) -> str:
    return str(
        StreamError(
            name,
            f'the message stamped {wanted.stamp_ns} ns with checksum {wanted.checksum}',
            'no such message in the recording',
            'it was lost by the recorder; the tick is left out',
        )
    )


def _stamp_of(stream: Stream) -> Callable[[bytes], int]:
    """What finds the time of a message; it raises ValueError, whatever foreign code raises."""
    kind = stream_kind(stream.kind)
    if not plugin_of(kind):
        return kind.stamp_ns

    def stamp_ns(cdr: bytes) -> int:
        try:
            return int(kind.stamp_ns(cdr))
        except ValueError:
            raise
        except Exception as problem:  # one kind of error
            raise ValueError(
                f'kind {stream.kind!r} of package {plugin_of(kind)} finds no stamp: {problem!r}'
            ) from problem

    return stamp_ns


def age_limit_s(stream: Stream) -> float:
    """How old a message may be at a tick."""
    return stream.tolerance_s if stream.sampling == 'asof' else stream.max_age_s


def too_old(stream: Stream, age_s: float, fresh: bool) -> str:
    """Why a decoded message does not count at this tick, or ''."""
    limit_s = age_limit_s(stream)
    if age_s > limit_s:
        return str(
            StreamError(
                stream.name,
                f'a message not older than {limit_s} s',
                f'one of {age_s:.3f} s',
                f'check that {stream.topic} runs at {stream.rate_hz} Hz on the same clock',
            )
        )
    if stream.sampling == 'drop' and not fresh:
        return str(
            StreamError(
                stream.name,
                'a new message at each tick',
                'the one used before',
                f'check that {stream.topic} keeps up with the control period',
            )
        )
    return ''
