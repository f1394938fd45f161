# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How long the step of a sample is: a pause buys no larger step after it."""

from __future__ import annotations

import math
from typing import NamedTuple


class Passed(NamedTuple):
    """What passed since the sample before."""

    dt_s: float  # that the step may last
    back: bool  # the robot's time went back
    paused: bool  # the driver has had no command for command_timeout


class SampleClock:
    """The time of the newest sample, on both clocks."""

    def __init__(self, period_ns: int, timeout_s: float) -> None:
        self._period_ns, self._timeout_s = period_ns, timeout_s
        self.begin()

    def begin(self) -> None:
        """The next sample is the first one."""
        self._last_ns: int | None = None
        self._last_s = math.nan

    def passed(self, t_ns: int, steady_s: float) -> Passed:
        """A sample for this time of the robot, at this time of the clock that times out."""
        dt_ns, back, paused = self._period_ns, False, False
        if self._last_ns is not None:
            back = t_ns < self._last_ns
            if t_ns > self._last_ns:
                dt_ns = min(t_ns - self._last_ns, self._period_ns)
            # A clock that goes back is no pause.
            paused = not steady_s - self._last_s <= self._timeout_s
        self._last_ns, self._last_s = t_ns, steady_s
        return Passed(dt_ns * 1e-9, back, paused)
