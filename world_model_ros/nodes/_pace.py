# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How simulated time keeps up with the steady clock: the pace of a simulator that runs freely.

Owns what happens when the machine is too slow. A simulator with a clock of its own (/clock) falls
behind and goes on at its pace. One whose messages are stamped for nodes on the wall clock must not
fall behind for ever, or everything it says would be too old: it leaves out what it missed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from world_model_ros.nodes._common import NANOSECONDS

CATCH_UP_NS = 200_000_000  # slower by more than this: the schedule starts again


class Pace:
    """Maps simulated nanoseconds to seconds of the steady clock."""

    def __init__(
        self,
        t_ns: int,
        speed: float,
        leap_ns: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """It is t_ns now; `leap_ns` above 0: leave out whole leaps that there was no time for."""
        self._t_ns, self._steady_s, self._clock = t_ns, clock(), clock
        self._speed, self._leap_ns = speed, leap_ns

    def due_s(self, t_ns: int) -> float:
        """The steady time at which simulated time t_ns is reached."""
        return self._steady_s + (t_ns - self._t_ns) / NANOSECONDS / self._speed

    def missed_ns(self, t_ns: int) -> int:
        """How far to leap, now that t_ns is next; without leaps the schedule moves instead."""
        late_s = self._clock() - self.due_s(t_ns)
        if late_s * NANOSECONDS <= CATCH_UP_NS:
            return 0
        if self._leap_ns:
            return int(late_s * self._speed * NANOSECONDS) // self._leap_ns * self._leap_ns
        self._steady_s += late_s - CATCH_UP_NS / NANOSECONDS
        return 0
