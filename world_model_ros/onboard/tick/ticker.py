# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When a tick is due, which ones were missed, and when time itself jumped.

Owns the arithmetic t_k = t_0 + k * period on integers; reads no clock. Input: the time of the
tick's source (steady, simulated, a stream's stamp). Must not import ROS, torch or a bundle.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# A longer step forward separates a clock that was set from a process that was only slow.
FORWARD_JUMP_NS = 1_000_000_000


class Jump(Enum):
    """What the clock did since it was last asked."""

    NONE = 'none'
    BACKWARD = 'backward'
    FORWARD = 'forward'


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick that is due."""

    index: int
    t_ns: int
    skipped: int  # ticks passed over between the one before and this one


class Ticker:
    """Turns the times of a clock, or of a stream, into ticks."""

    def __init__(self, period_ns: int, offset_ns: int) -> None:
        self.period_ns = period_ns
        self.offset_ns = offset_ns
        self._now_ns: int | None = None
        self._t0_ns = 0
        self._stamp_ns = 0
        self._index = -1

    def start(self, t0_ns: int) -> None:
        """Tick 0 is due at t0_ns; ends whatever was before."""
        self._t0_ns = t0_ns
        self._index = -1
        self._now_ns = None

    def time_of(self, index: int) -> int:
        """t_k of a clock-driven tick."""
        return self._t0_ns + index * self.period_ns

    def jump(self, now_ns: int) -> Jump:
        """Whether the clock jumped since the last call. After a jump call start()."""
        before, self._now_ns = self._now_ns, now_ns
        if before is None or 0 <= now_ns - before <= FORWARD_JUMP_NS:
            return Jump.NONE
        return Jump.BACKWARD if now_ns < before else Jump.FORWARD

    def due(self, now_ns: int) -> Tick | None:
        """The newest tick whose time has come, once; those in between count as skipped."""
        index = (now_ns - self._t0_ns) // self.period_ns
        if index <= self._index:
            return None
        skipped = index - self._index - 1
        self._index = index
        return Tick(index, self.time_of(index), skipped)

    def due_at_stamp(self, stamp_ns: int) -> Tick | None:
        """The tick that a stream's message triggers, at the message's own time.

        A free-running camera is never exactly at its rate: each tick is one period after the one
        before it to the nearest whole number, so that no drift adds up to a skipped tick.
        """
        if self._index < 0:
            self._index, self._stamp_ns = 0, stamp_ns
            return Tick(0, stamp_ns, 0)
        passed = (2 * (stamp_ns - self._stamp_ns) + self.period_ns) // (2 * self.period_ns)
        if passed < 1:
            return None
        self._index += passed
        self._stamp_ns = stamp_ns
        return Tick(self._index, stamp_ns, passed - 1)

    def lateness_s(self, tick: Tick, left_ns: int) -> float:
        """How long after its deadline the command of a tick left; late if above 0."""
        return (left_ns - tick.t_ns - self.offset_ns) * 1e-9
