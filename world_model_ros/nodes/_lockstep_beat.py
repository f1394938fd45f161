# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""In lockstep the simulator waits for each command, and the guard for the chunk that it is of."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage

from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary, ends_nothing
from world_model_ros.nodes._common import NANOSECONDS
from world_model_ros.nodes._sim_beat import NO_CLOCK
from world_model_ros.nodes._wall_beat import Send


class LockstepBeat:
    """A simulator that waits for each command: sampled once its chunk is there, with patience.

    The simulator's clock is the only one: it orders and times out.
    """

    simulated = True
    settles = False  # its commands are those of the simulator environment, number for number
    repeats = True  # groups that are commanded less often, too: a simulator waits for each

    def __init__(
        self,
        node: Node,
        tick_ns: int,
        patience_s: float,
        newest: Callable[[], int | None],
        send: Send,
        again: Callable[[int], None],
    ) -> None:
        """Wait for chunks by `newest`, the start of the newest one; `again` repeats a command."""
        self._node, self._tick_ns, self._patience_s = node, tick_ns, patience_s
        self._newest, self._send, self._again = newest, send, again
        self._active = False
        self._clock_ns = 0
        self._sent_ns: int | None = None
        self._pending_ns: int | None = None  # the sample that waits for its chunk
        self._pending_since_s = 0.0
        self.late_s = 0.0
        self.problem = ''
        on_clock = Boundary(node).wrap('/clock', self._on_clock)
        node.create_subscription(ClockMessage, '/clock', on_clock, 10)
        look = ends_nothing(node, self._on_patience)
        node.create_timer(0.05, look, clock=_common.STEADY_CLOCK)

    def robot_s(self) -> float:
        """The clock that measurements age by."""
        return self._clock_ns / NANOSECONDS

    def timeout_s(self, start_ns: int) -> float:
        """The clock that times out; a chunk may overtake the /clock that it was decided at."""
        return max(self._clock_ns, start_ns) / NANOSECONDS

    def now_ns(self) -> int:
        """The robot's time."""
        return self._clock_ns

    def unready(self) -> str:
        """Why motion must not begin by this clock now, ''; it stands between commands."""
        return '' if self._clock_ns else NO_CLOCK

    def begin(self) -> None:
        """Answer the simulator from now on."""
        self._sent_ns = self._pending_ns = None
        self._active = True

    def end(self) -> None:
        """Answer no more: without a publisher the simulator goes on with the safe action."""
        self._active = False
        self._pending_ns = None

    def failed(self) -> str:
        """What ended the sampling, ''."""
        return ''

    def rest(self, at_rest: Callable[[], bool], seconds: float) -> None:
        """Nothing: the simulator takes the safe action itself."""

    def chunk_came(self) -> None:
        """Send once the chunk that covers the pending time, or a later one, is here."""
        newest_ns = self._newest()
        if self._pending_ns is None or newest_ns is None:
            return
        if newest_ns > self._pending_ns - self._tick_ns:
            self._answer()

    def _on_clock(self, message: ClockMessage) -> None:
        t_ns = _common.to_ns(message.clock)
        self._clock_ns = t_ns
        if not self._active:
            return
        if t_ns == self._sent_ns:
            self._again(t_ns)  # the simulator asks again: it may have missed it
        elif t_ns != self._pending_ns:
            self._pending_ns, self._pending_since_s = t_ns, time.monotonic()
            self.chunk_came()

    def _on_patience(self) -> None:
        if self._pending_ns is None:
            return
        if time.monotonic() - self._pending_since_s > self._patience_s:
            self._node.get_logger().warning(
                'lockstep: no chunk from the agent, moving on with what there is',
                throttle_duration_sec=5.0,
            )
            self._answer()

    def _answer(self) -> None:
        t_ns, self._pending_ns = self._pending_ns, None
        if t_ns is None:  # answered already
            return
        self._sent_ns = t_ns
        self._send(t_ns, self._clock_ns / NANOSECONDS, '')
