# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The time that stamps a robot's messages, as the agent's worker reads it. Must not import ROS."""

from __future__ import annotations

import time
from typing import Protocol


class RobotClock(Protocol):
    """The time that stamps this robot's messages."""

    @property
    def speed(self) -> float:
        """Seconds of this clock per second of the steady one."""

    @property
    def silent_s(self) -> float:
        """Seconds for which the clock has stood still; 0 for one that cannot."""

    def now_ns(self) -> int:
        """Nanoseconds; 0 while the time is not known yet."""


class WallTime:
    """The system's clock, which stamps a real robot's messages."""

    speed = 1.0  # seconds of this clock per second of the steady one
    silent_s = 0.0

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns()
