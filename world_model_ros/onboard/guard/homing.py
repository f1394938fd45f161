# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The way home: a slow straight line in joint space, as one more source of the guard.

All joints arrive at the same time, the one that takes longest at `home_speed` of its rate limit.
Joints without a home stay where they are; efforts and velocities go to zero. The line is a chunk:
limits, box, locks and keep-out hold as for any other. Whatever else takes over ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.onboard.guard.chunks import Chunk
from world_model_ros.onboard.guard.motion import Motion

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

NEAR = 1e-6  # rad or m: arrived
LEAST_SEC = 0.5  # of any way, however short
# The line is followed with the limits of acceleration and jerk: a moment more than its time. One
# that takes longer is held up by something, and ends.
MORE_SEC = 5.0


class Homing:
    """The way that is gone now, and where it leads."""

    def __init__(self, contract: Contract) -> None:
        action = contract.action
        self._names = action.names
        home = np.asarray(action.home, np.float64)
        self._moves = np.asarray(action.holds) & np.isfinite(home)  # bool [A]
        self._held = np.asarray(action.holds)
        self._home = np.where(self._moves, home, 0.0)  # [A]
        self._speed = contract.driver.home_speed * np.asarray(action.rate_limit, np.float64)
        self.way: Chunk | None = None

    @property
    def possible(self) -> bool:
        """Whether the contract names a home."""
        return bool(self._moves.any())

    def seconds(self, value: np.ndarray) -> float:
        """How long the way from a command [A] takes."""
        away = np.where(self._moves, np.abs(self._home - value), 0.0)
        return max(LEAST_SEC, float(np.max(away / self._speed)))

    def words(self, value: np.ndarray) -> str:
        """The way from a command [A], for the person who confirms it."""
        joints = ', '.join(
            f'{name} {at:.3g} -> {to:.3g}'
            for name, at, to, moves in zip(
                self._names, value, self._home, self._moves, strict=True
            )
            if moves
        )
        return f'{joints} within {self.seconds(value):.1f} s'

    def begin(self, value: np.ndarray, t_ns: int) -> None:
        """Go from a command [A], from now on."""
        still = np.where(self._held, value, 0.0)
        target = np.where(self._moves, self._home, still)
        arrive_ns = t_ns + round(self.seconds(value) * 1e9)
        times = (t_ns, arrive_ns)
        self.way = Chunk(t_ns, times, np.stack([still, target]), arrive_ns + round(MORE_SEC * 1e9))

    def cancel(self) -> None:
        """Something else takes over."""
        self.way = None

    def now(self, t_ns: int, motion: Motion) -> Chunk | None:
        """The way, while it is gone; it ends where it leads, or too late."""
        way = self.way
        if way is None:
            return None
        if t_ns < way.start_ns:  # a sample that was due before the person confirmed
            self.begin(motion.value, t_ns)
            return self.way
        there = np.abs(motion.value - way.values[-1]) <= NEAR
        arrived = t_ns >= way.times_ns[-1] and bool(np.all(there & (motion.speed == 0.0)))
        if arrived or t_ns >= way.end_ns:
            self.way = None
        return self.way
