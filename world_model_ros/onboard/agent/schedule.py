# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When the agent's next tick is due, for each of the four tick sources.

Owns the difference between timer, simulated time, a triggering stream and lockstep; behind it
there is one code path. Holds no ROS entity.
"""

from __future__ import annotations

import math
import time

from world_model_ros.contract import Contract
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.tick.clock import RobotClock
from world_model_ros.onboard.tick.ticker import FORWARD_JUMP_NS, Jump, Tick, Ticker

# A trigger that has not come half a period after its time is not waited for.
GRACE_PERIODS = 0.5
# The first tick waits for a message on every stream, but not for ever: then it is an invalid one.
FIRST_WAIT_SEC = 2.0
IDLE_WAIT_SEC = 0.2


class Schedule:
    """Ticks of one episode after the other."""

    def __init__(
        self,
        contract: Contract,
        source: str,
        inputs: Inputs,
        clock: RobotClock,
    ) -> None:
        self.source = source or contract.tick_source
        self._stream = contract.tick_stream or contract.streams[0].name
        self._period_ns = contract.period_ns
        # In lockstep a simulator that waits is no further ahead of us than this.
        self._ahead_ticks = contract.offset_ticks + 2
        self._inputs = inputs
        self._clock = clock
        self._now_ns = clock.now_ns
        self._asked = (0, 0.0)  # robot's and steady time when jumped() was called last
        self.ticker = Ticker(contract.period_ns, contract.command_offset_ns)
        self.restart()

    @property
    def lockstep(self) -> bool:
        """Whether a simulator waits for us."""
        return self.source == 'lockstep'

    def restart(self) -> None:
        """The next tick is the first of an episode."""
        self._last: Tick | None = None
        self._begun_s = time.monotonic()
        self.ticker.start(0)

    def jumped(self) -> bool:
        """Whether the robot's time went back, or forward by a second more than time did.

        A process that was stopped for two seconds sees both clocks go on by two: no jump.
        """
        now_ns, now_s = self._now_ns(), time.monotonic()
        (before_ns, before_s), self._asked = self._asked, (now_ns, now_s)
        jump = self.ticker.jump(now_ns)
        if jump is Jump.FORWARD:
            passed_ns = (now_s - before_s) * max(self._clock.speed, 1.0) * 1e9
            return now_ns - before_ns - passed_ns > FORWARD_JUMP_NS
        return jump is Jump.BACKWARD

    def due(self) -> Tick | None:
        """The tick that is due now, if any; each is given once."""
        if self._last is None:
            tick = self._first()
        elif self.lockstep:
            tick = self._next_in_lockstep()
        elif self.source == 'stream':
            tick = self._next_of_stream()
        else:
            tick = self.ticker.due(self._now_ns())
        if tick is not None:
            self._last = tick
        return tick

    def wake_s(self) -> float:
        """The time of the steady clock at which to look again, if nothing happens before."""
        now_s = time.monotonic()
        if self._last is None or self.source in ('lockstep', 'sim_time'):
            return now_s + IDLE_WAIT_SEC
        next_ns = self._last.t_ns + self._period_ns
        if self.source == 'stream':
            next_ns += round(GRACE_PERIODS * self._period_ns)
        left_s = (next_ns - self._now_ns()) * 1e-9
        return now_s + min(max(left_s, 0.001), IDLE_WAIT_SEC)

    def lateness_s(self, tick: Tick) -> float:
        """How long after its deadline, in the robot's time, a command leaves now; lockstep: 0."""
        return 0.0 if self.lockstep else self.ticker.lateness_s(tick, self._now_ns())

    def left_s(self, tick: Tick) -> float:
        """Seconds of the steady clock until this tick's command must leave; lockstep: for ever."""
        return math.inf if self.lockstep else -self.lateness_s(tick) / max(self._clock.speed, 1.0)

    def _first(self) -> Tick | None:
        newest_ns = self._inputs.assembler.newest_stamp_ns(self._stream)
        if self.lockstep:
            if newest_ns is None or not self._inputs.complete_at(newest_ns, newest_ns, True):
                return None
            self.ticker.start(newest_ns)
            return Tick(0, newest_ns, 0)
        patient = time.monotonic() - self._begun_s < FIRST_WAIT_SEC
        if not self._inputs.complete() and patient:
            return None
        if self.source == 'stream':
            return None if newest_ns is None else self.ticker.due_at_stamp(newest_ns)
        now_ns = self._now_ns()
        self.ticker.start(now_ns)
        return self.ticker.due(now_ns)

    def _next_in_lockstep(self) -> Tick | None:
        assert self._last is not None
        t_ns = self._last.t_ns + self._period_ns
        if self._inputs.complete_at(self._last.t_ns, t_ns, False):
            return Tick(self._last.index + 1, t_ns, 0)
        # A simulator that nobody commands does not wait: what it said then may be gone.
        newest_ns = self._inputs.assembler.newest_stamp_ns(self._stream) or 0
        missed = (newest_ns - self._last.t_ns) // self._period_ns
        if missed <= self._ahead_ticks:
            return None
        t_ns = self._last.t_ns + missed * self._period_ns
        if not self._inputs.complete_at(t_ns - self._period_ns, t_ns, False):
            return None
        return Tick(self._last.index + missed, t_ns, missed - 1)

    def _next_of_stream(self) -> Tick | None:
        assert self._last is not None
        newest_ns = self._inputs.assembler.newest_stamp_ns(self._stream)
        if newest_ns is not None and newest_ns > self._last.t_ns:
            tick = self.ticker.due_at_stamp(newest_ns)
            if tick is not None:
                return tick
        overdue_ns = self._now_ns() - self._last.t_ns - round(GRACE_PERIODS * self._period_ns)
        missed = overdue_ns // self._period_ns
        if missed < 1:
            return None
        return self.ticker.due_at_stamp(self._last.t_ns + missed * self._period_ns)
