# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The last code before the robot: chunks in, one bounded command per sample out.

Owns limits, rate limit, timeouts, the latched stop and the safe action. Input: chunks of named,
time-stamped actions, switches and two clocks (the robot's time, which orders commands, and a
steady clock, which only times out). Must not import ROS, torch, ONNX Runtime or a bundle. The
simulator environment, lockstep and the guard node all sample through this class, so that an
action means the same in training and on the robot.

Rules, in the order in which they win: stopped (latched) > disabled > teleoperation > no heartbeat
> no chunk in force > chunk. Everything but a chunk is the safe action, at once: it overrides the
rate limit. A chunk, a person's too, is limited per second against the command sent last.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

# A longer chunk than this is a mistake of the sender, not a plan: 128 ticks are 5 s at 25 Hz.
MAX_CHUNK_STEPS = 128


@dataclass(frozen=True, slots=True)
class GuardCommand:
    """One sample: what to send, where it came from, and what was done to it."""

    values: np.ndarray  # float64 [A], in the order of contract.action.names
    source: str  # chunk | chunk_rest | safe | disabled | stopped | teleop
    reasons: tuple[str, ...]
    chunk_ns: int  # start of the chunk in force, 0 when there is none
    send: bool = True  # False: hold, and no position is known: publish nothing


class _Chunk(NamedTuple):
    start_ns: int
    times_ns: tuple[int, ...]
    values: np.ndarray  # float64 [H, A], finite
    end_ns: int


class Guard:
    """Samples the newest chunk by time and never lets a command out that breaks the contract."""

    def __init__(self, contract: Contract, enabled: bool = True) -> None:
        action = contract.action
        self.names = tuple(action.names)
        self.low = np.asarray(action.low, np.float64)
        self.high = np.asarray(action.high, np.float64)
        self._rate = np.asarray(action.rate_limit, np.float64)
        self._interpolate = action.kind == 'position'
        self._hold = action.safe == 'hold' and action.kind == 'position'
        self._zero = np.zeros(len(self.names))
        if not self._hold and (np.any(self.low > 0.0) or np.any(self.high < 0.0)):
            raise ValueError(
                f'the safe action of contract {contract.name!r} is zero, but zero is outside '
                f'low={action.low} high={action.high}: widen the limits or choose safe: hold'
            )
        self._period_ns = round(contract.period_s * 1e9)
        self._command_period_ns = round(1e9 / contract.command_rate_hz)
        self._timeout_s = contract.command_timeout_s
        # A chunk that starts later than now leaves the one before it in force until then.
        self._chunks: deque[_Chunk] = deque(maxlen=contract.offset_ticks + 3)
        self._teleop: deque[_Chunk] = deque(maxlen=contract.offset_ticks + 3)
        self._enabled = enabled
        self._stopped = False
        self._stop_reason = ''
        self.refused = 0
        self._refusal = ''
        self.reset()

    @property
    def stopped(self) -> bool:
        """Whether the protective stop (software) is latched."""
        return self._stopped

    @property
    def stop_reason(self) -> str:
        """What the latched stop was given as its reason."""
        return self._stop_reason

    @property
    def enabled(self) -> bool:
        """Whether chunks may move the robot."""
        return self._enabled

    @property
    def command_period_ns(self) -> int:
        """Time between two samples."""
        return self._command_period_ns

    def reset(self) -> None:
        """Forget chunks, clocks and the command sent last; a latched stop stays latched."""
        self._clear()
        self._last = np.clip(self._zero, self.low, self.high)
        self._last_known = not self._hold
        self._last_ns: int | None = None
        self._heartbeat_s = self._teleop_s = -math.inf
        self._holding = False
        self._refusal = ''

    def drop_chunks(self, teleop: bool = False) -> None:
        """The agent gives up what it has sent, or the person lets go, from the next sample on.

        Unlike reset(), the command sent last stays the start of the rate limit.
        """
        (self._teleop if teleop else self._chunks).clear()

    def heartbeat(self, steady_s: float) -> None:
        """The agent lives at this time of the steady clock; an accepted chunk counts as well."""
        self._heartbeat_s = steady_s

    def stop(self, reason: str) -> None:
        """Latch the protective stop; only release_stop() ends it."""
        self._stop_reason = reason or 'no reason given'
        self._stopped = True
        self._clear()

    def release_stop(self) -> None:
        """End the stop. Only chunks that come afterwards count."""
        self._clear()
        self._stopped = False
        self._stop_reason = ''

    def enable(self, on: bool) -> None:
        """Let chunks through, or (False) send the safe action whatever comes."""
        self._enabled = on

    def on_chunk(
        self,
        names: Sequence[str],
        times_ns: Sequence[int],
        values: np.ndarray,
        steady_s: float,
        teleop: bool = False,
    ) -> str:
        """Take a chunk [H, A]; returns why it was refused, or ''. It is taken whole or not at all.

        Columns are matched by name. Action i counts from times_ns[i] until the next time; the
        last one for one control period. A person's chunk (`teleop`) shuts the agent's out for
        command_timeout and its last action is held that long: it is sent by hand, at no rate.
        """
        problem, rows = self._checked(names, times_ns, values)
        if rows is None:
            self.refused += 1
            self._refusal = problem
            return problem
        times = tuple(int(t) for t in times_ns)
        chunk = _Chunk(times[0], times, rows, times[-1] + self._period_ns)
        if teleop:
            self._teleop.append(chunk)
            self._teleop_s = steady_s
        else:
            self._chunks.append(chunk)
            self._heartbeat_s = steady_s
        return ''

    def sample(
        self, t_ns: int, steady_s: float, measured: np.ndarray | None = None
    ) -> GuardCommand:
        """The command for time t_ns. `measured` are joint positions, for holding them."""
        reasons: list[str] = []
        if self._refusal:
            reasons.append(self._refusal)
            self._refusal = ''
        if self._last_ns is not None and t_ns < self._last_ns:
            # After a jump back the old chunks lie in the future of the new time.
            self._clear()
            reasons.append('time went back: chunks dropped')
            self._last_ns = None
        chunk: _Chunk | None = None
        if self._stopped:
            source = 'stopped'
            reasons.append(f'stopped: {self._stop_reason}')
        elif not self._enabled:
            source = 'disabled'
        elif (chunk := self._by_hand(t_ns, steady_s)) is not None:
            source = 'teleop'
        elif not abs(steady_s - self._heartbeat_s) <= self._timeout_s:  # NaN is a timeout too
            source = 'safe'
            reasons.append('no heartbeat within command_timeout')
        else:
            chunk = self._in_force(t_ns)
            if chunk is None:
                source = 'safe'
                reasons.append('no chunk in force')
            else:
                source = 'chunk' if t_ns < chunk.start_ns + self._period_ns else 'chunk_rest'
        if chunk is None:
            values = self._safe(measured, source == 'disabled')
        else:
            values = self._limited(self._value(chunk, t_ns), t_ns, measured, reasons)
        self._last = values
        self._last_ns = t_ns
        return GuardCommand(
            values.copy(), source, tuple(reasons), chunk.start_ns if chunk else 0, self._last_known
        )

    def _checked(
        self, names: Sequence[str], times_ns: Sequence[int], values: np.ndarray
    ) -> tuple[str, np.ndarray | None]:
        """A chunk's rows in the contract's order, or why it must be refused."""
        if self._stopped:
            return 'chunk refused: stopped', None
        if len(names) != len(self.names) or set(names) != set(self.names):
            return (
                f'chunk refused: names {list(names)}, expected {list(self.names)}; '
                'the agent runs with another contract'
            ), None
        rows = np.asarray(values, np.float64)
        if rows.shape != (len(times_ns), len(names)) or not 0 < len(rows) <= MAX_CHUNK_STEPS:
            return (
                f'chunk refused: shape {rows.shape} with {len(times_ns)} times, expected '
                f'[1..{MAX_CHUNK_STEPS}, {len(self.names)}] and as many times'
            ), None
        if not np.all(np.isfinite(rows)):
            return 'chunk refused: it holds NaN or infinity', None
        if any(b <= a for a, b in pairwise(times_ns)):
            return 'chunk refused: its times do not increase', None
        return '', rows[:, [list(names).index(n) for n in self.names]]

    def _clear(self) -> None:
        self._chunks.clear()
        self._teleop.clear()

    def _by_hand(self, t_ns: int, steady_s: float) -> _Chunk | None:
        """The newest chunk of a person that has started, while that person is there."""
        if not abs(steady_s - self._teleop_s) <= self._timeout_s:
            self._teleop.clear()
        return next((c for c in reversed(self._teleop) if c.start_ns <= t_ns), None)

    def _in_force(self, t_ns: int) -> _Chunk | None:
        """The newest chunk that has started, unless it has ended."""
        for chunk in reversed(self._chunks):  # newest arrival first
            if chunk.start_ns <= t_ns:
                return chunk if t_ns < chunk.end_ns else None
        return None

    def _value(self, chunk: _Chunk, t_ns: int) -> np.ndarray:
        """The chunk at t_ns: held for effort and velocity, linear between times for position."""
        times = chunk.times_ns
        i = 0
        while i + 1 < len(times) and times[i + 1] <= t_ns:
            i += 1
        row: np.ndarray = chunk.values[i]
        if self._interpolate and i + 1 < len(times):
            share = (t_ns - times[i]) / (times[i + 1] - times[i])
            row = (1.0 - share) * row + share * chunk.values[i + 1]
        return row

    def _limited(
        self, target: np.ndarray, t_ns: int, measured: np.ndarray | None, reasons: list[str]
    ) -> np.ndarray:
        """The target inside the box, and no faster than the rate limit from the last command."""
        inside = np.clip(target, self.low, self.high)
        if np.any(inside != target):
            reasons.append('clipped to the limits')
        if not self._last_known:
            # The rate limit needs a start: where the robot is, or, unknown, no motion at all.
            self._safe(measured, True)
            if not self._last_known:
                reasons.append('no position measured yet: nothing is sent')
                return self._last
        # One command period at most: a pause of the guard buys no larger step after it.
        dt_ns = (
            self._command_period_ns
            if self._last_ns is None
            else min(t_ns - self._last_ns, self._command_period_ns)
        )
        step = self._rate * (dt_ns * 1e-9)
        limited = np.clip(inside, self._last - step, self._last + step)
        if np.any(limited != inside):
            reasons.append('rate limited')
        self._holding = False
        return np.clip(limited, self.low, self.high)

    def _safe(self, measured: np.ndarray | None, follow: bool) -> np.ndarray:
        """Zero, or the position held since the safe action began (`follow`: the measured one)."""
        if not self._hold:
            return self._zero
        if (follow or not self._holding or not self._last_known) and measured is not None:
            here = np.asarray(measured, np.float64)
            if here.shape == self._last.shape and np.all(np.isfinite(here)):
                self._last = np.clip(here, self.low, self.high)
                self._last_known = True
                self._holding = True
        elif self._last_known:
            self._holding = True
        return self._last
