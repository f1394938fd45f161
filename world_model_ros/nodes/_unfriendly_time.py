# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two times of the unfriendly arm: the one that stamps, which has faults, and the arm's own."""

from __future__ import annotations

import time

from world_model_ros.nodes._common import NANOSECONDS


class RobotTime:
    """The clock that stamps, which may step, pause or end, and the arm's own time."""

    def __init__(self, clock: str) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        self._clock = clock
        self._stood_ns = 0  # how long it has been paused
        self._paused_ns: int | None = None

    @property
    def paused(self) -> bool:
        """Whether the simulator that this clock plays is paused: nothing moves or publishes."""
        return self._paused_ns is not None

    def set(self, clock: str) -> None:
        """Follow the parameter `clock`."""
        now_ns = time.monotonic_ns()
        if clock == 'paused' and self._paused_ns is None:
            self._paused_ns = now_ns
        elif clock != 'paused' and self._paused_ns is not None:
            self._stood_ns += now_ns - self._paused_ns
            self._paused_ns = None

    def step(self, seconds: float) -> None:
        """Shift what stamps and /clock say; the arm itself does not notice."""
        self._offset_ns += round(seconds * NANOSECONDS)

    def _ran_ns(self) -> int:
        now_ns = time.monotonic_ns() if self._paused_ns is None else self._paused_ns
        return now_ns - self._stood_ns

    def elapsed_s(self) -> float:
        """Time of the arm in seconds, which neither steps nor runs while paused."""
        return self._ran_ns() / NANOSECONDS

    def now_ns(self) -> int:
        """Time of the stamps."""
        return self._ran_ns() + self._offset_ns
