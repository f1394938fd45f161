# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The robot's time in nanoseconds for a thread that must not wait for the executor.

A simulator's /clock comes in steps and is carried on between them by the steady clock, so that
lateness can be measured finer than a step.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage

from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._common import to_ns

_WINDOW = 25  # steps over which the simulator's speed is measured


class SimTime:
    """The time that /clock says, and calls back at each step of it."""

    def __init__(self, node: Node, on_step: Callable[[], None]) -> None:
        self._steps: deque[tuple[int, int]] = deque(maxlen=_WINDOW)  # simulated, steady ns
        self._state = (0, 0, 0.0, 0)  # simulated ns, steady ns, speed, longest extrapolation
        self._floor_ns = 0  # what was last said: a step shorter than the one before goes not back
        self._on_step = on_step
        self._boundary = Boundary(node)
        on_clock = self._boundary.wrap('/clock', self._on_clock)
        node.create_subscription(ClockMessage, '/clock', on_clock, 10)

    @property
    def speed(self) -> float:
        """Simulated seconds per second, as measured lately."""
        return self._state[2]

    @property
    def silent_s(self) -> float:
        """Seconds of the steady clock since the last step of /clock; 0 before the first."""
        steady_ns = self._state[1]
        return (time.monotonic_ns() - steady_ns) * 1e-9 if steady_ns else 0.0

    def now_ns(self) -> int:
        """The simulated time; between two steps, carried on by no more than one step."""
        sim_ns, steady_ns, speed, limit_ns = self._state
        on_ns = min(round((time.monotonic_ns() - steady_ns) * speed), limit_ns)
        self._floor_ns = max(self._floor_ns, sim_ns + on_ns)
        return self._floor_ns

    def _on_clock(self, message: ClockMessage) -> None:
        sim_ns, steady_ns = to_ns(message.clock), time.monotonic_ns()
        if self._steps and sim_ns <= self._steps[-1][0]:
            if sim_ns == self._steps[-1][0]:  # a simulator that waits says the time again
                return
            self._steps.clear()
            self._floor_ns = 0
        speed, limit_ns = 0.0, 0
        if self._steps:
            first_sim_ns, first_steady_ns = self._steps[0]
            speed = (sim_ns - first_sim_ns) / max(1, steady_ns - first_steady_ns)
            limit_ns = sim_ns - self._steps[-1][0]
        self._steps.append((sim_ns, steady_ns))
        self._state = (sim_ns, steady_ns, speed, limit_ns)
        self._on_step()
