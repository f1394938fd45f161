# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated robot's guard samples by /clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage

from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary, ends_nothing
from world_model_ros.nodes._common import NANOSECONDS
from world_model_ros.nodes._wall_beat import REST_SEC, REST_SHARE, Send

# /clock is silent: the simulator is paused, or gone. Never shorter, since simulators stutter.
CLOCK_SILENT_SEC = 0.2
NO_CLOCK = 'no /clock yet: start the simulator, or leave use_sim_time out'


class SimBeat:
    """A simulator's /clock: one sample per command period of it.

    Timeouts run on /clock, which may be slow. When /clock itself is silent, a steady watchdog
    sends the safe action; nothing is latched, and time goes on from there.
    """

    simulated = True
    settles = True
    repeats = False

    def __init__(self, node: Node, period_ns: int, silent_s: float, send: Send) -> None:
        self._period_ns, self._send = period_ns, send
        self._silent_s = max(silent_s, CLOCK_SILENT_SEC)
        self._active = False
        self._clock_ns = 0
        self._sent_ns: int | None = None
        self._heard_s = time.monotonic()
        self.late_s = 0.0
        self.problem = ''
        on_clock = Boundary(node).wrap('/clock', self._on_clock)
        node.create_subscription(ClockMessage, '/clock', on_clock, 10)
        watch = ends_nothing(node, self._on_watchdog)
        node.create_timer(period_ns / NANOSECONDS, watch, clock=_common.STEADY_CLOCK)

    def robot_s(self) -> float:
        """The clock that measurements age by."""
        return self._clock_ns / NANOSECONDS

    def timeout_s(self, start_ns: int) -> float:
        """The clock that times out, when a chunk comes."""
        return self._clock_ns / NANOSECONDS

    def now_ns(self) -> int:
        """The robot's time."""
        return self._clock_ns

    def unready(self) -> str:
        """Why motion must not begin by this clock now, ''.

        While it stands, measurements do not grow old by it: where the robot is would be a guess.
        """
        if not self._clock_ns:
            return NO_CLOCK
        silent_s = time.monotonic() - self._heard_s
        return self._standing(silent_s) if silent_s > self._silent_s else ''

    def begin(self) -> None:
        """Sample from the next step of the clock on."""
        self._active = True
        self._sent_ns = None

    def end(self) -> None:
        """Sample no more."""
        self._active = False

    def failed(self) -> str:
        """What ended the sampling, ''."""
        return ''

    def rest(self, at_rest: Callable[[], bool], seconds: float) -> None:
        """Sample until the robot is at rest, without the clock: it cannot come in meanwhile."""
        period_s = self._period_ns / NANOSECONDS
        give_up_s = time.monotonic() + max(REST_SEC, REST_SHARE * seconds)
        t_ns = self._clock_ns
        while not at_rest() and time.monotonic() < give_up_s:
            t_ns += self._period_ns
            self._send(t_ns, t_ns / NANOSECONDS, 'coming to rest')
            time.sleep(period_s)

    def chunk_came(self) -> None:
        """A chunk was taken; it is looked at when the next sample is due."""

    def _on_clock(self, message: ClockMessage) -> None:
        t_ns = _common.to_ns(message.clock)
        if t_ns != self._clock_ns:  # a paused simulator says the same time again and again
            self._heard_s, self.problem = time.monotonic(), ''
        same_slot = self._sent_ns is not None and (
            t_ns // self._period_ns == self._sent_ns // self._period_ns
        )
        self._clock_ns = t_ns
        if self._active and not same_slot:
            self._sent_ns = t_ns
            self._send(t_ns, t_ns / NANOSECONDS, '')

    def _on_watchdog(self) -> None:
        silent_s = time.monotonic() - self._heard_s
        if silent_s <= self._silent_s:
            return
        self.problem = self._standing(silent_s)
        if self._active:
            # As if nothing had moved in time: the safe action goes on at its rate.
            self._send(self._clock_ns, self._clock_ns / NANOSECONDS, '/clock stands still')

    @staticmethod
    def _standing(silent_s: float) -> str:
        return f'/clock stands still for {silent_s:.1f} s: paused, or its publisher ended'
