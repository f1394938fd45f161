# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a robot that takes positions explores: a slow motion, smooth by construction.

Each joint moves by a sum of raised cosines, ``s_k·a_k·(1 - cos(w_k·t))/2``. It begins at the start
with speed zero. Its reach, speed and acceleration are bounded by the sums of ``a_k``,
``a_k·w_k/2`` and ``a_k·w_k²/2``. Frequencies and signs follow from the episode's noise key, so an
episode can be replayed. Must not import ROS, torch or a bundle.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.onboard.policy.noise import Noise

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

REACH = 0.1  # rad or m from the start, at most
SPEED_SHARE = 0.1  # of the rate limit, at most; of the acceleration limit too
_WAVES = 3
_HZ = (0.05, 0.4)  # slow enough to look at, fast enough to see something in a quarter of an hour
# Numbers of the wander are drawn at an address that neither planner nor coloured noise uses.
_ITERATION = (1 << 16) + 1


class Wander:
    """Displacements [A] from where an episode began, and the way to a home position."""

    def __init__(
        self, contract: Contract, reach: float = REACH, speed_share: float = SPEED_SHARE
    ) -> None:
        """Take the reach in the action's unit, and the speed as a share of the rate limit.

        Raises:
            ValueError: a reach that is not above 0, or a share outside (0, 1].
        """
        if not 0.0 < reach < math.inf:
            raise ValueError(f'explore_reach is {reach}: expected rad (or m) above 0')
        if not 0.0 < speed_share <= 1.0:
            raise ValueError(
                f'explore_speed is {speed_share}: expected above 0 and at most 1, a share of the '
                'rate limit'
            )
        action = contract.action
        self._period_s = contract.period_s
        self._offset_ticks = contract.offset_ticks
        self._reach = reach
        self._speed = speed_share * np.asarray(action.rate_limit, np.float64)  # [A]
        self._acceleration = speed_share * np.asarray(action.acceleration_limit)  # [A]
        self._random = Noise()
        shape = (_WAVES, len(action.names))
        self._drawn: np.ndarray = np.zeros((2, *shape), np.float32)
        self._size = np.zeros(shape)  # [K, A], with sign
        self._turn = np.zeros(shape)  # [K, A], rad/s
        self._begun: int | None = None  # the tick at which it began

    def rekey(self, key: int) -> None:
        """Draw other numbers from the next begin on; a motion under way goes on."""
        self._random.rekey(key)

    def restart(self) -> None:
        """Begin from rest, wherever the robot is at the next tick."""
        self._begun = None

    @property
    def begun(self) -> bool:
        """Whether it is under way."""
        return self._begun is not None

    def begin(self, tick: int) -> None:
        """Begin at this tick."""
        self._begun = tick
        self._random.normal(tick, _ITERATION, self._drawn.reshape(-1))
        # Normal numbers to uniform ones: enough for a frequency.
        share = 0.5 * (1.0 + np.tanh(self._drawn[0].astype(np.float64)))
        low, high = 2.0 * math.pi * _HZ[0], 2.0 * math.pi * _HZ[1]
        self._turn = low + (high - low) * share
        size = np.minimum(self._reach, 2.0 * self._speed / self._turn)
        size = np.minimum(size, 2.0 * self._acceleration / self._turn**2) / _WAVES
        self._size = np.where(self._drawn[1] < 0.0, -size, size)

    def rows(self, tick: int, count: int, wait_s: float = 0.0) -> np.ndarray:
        """Displacements [count, A] for the chunk of a tick; `wait_s`: at rest so long first."""
        assert self._begun is not None
        ticks: np.ndarray = tick - self._begun + self._offset_ticks + np.arange(count)
        t_s = np.maximum(ticks * self._period_s - wait_s, 0.0)[:, None, None]  # [H, 1, 1]
        waves = self._size * (1.0 - np.cos(self._turn * t_s)) / 2.0  # [H, K, A]
        displacement: np.ndarray = waves.sum(axis=1)
        return displacement

    def way(self, start: np.ndarray, end: np.ndarray, tick: int, count: int) -> np.ndarray:
        """Positions [count, A] on a smooth way from start [A] to end [A]."""
        seconds = self.way_s(start, end)
        ticks: np.ndarray = tick - (self._begun or 0) + self._offset_ticks + np.arange(count)
        done = np.minimum(ticks * self._period_s / seconds, 1.0) if seconds else np.ones(count)
        share = (1.0 - np.cos(math.pi * done)) / 2.0
        return np.asarray(start + share[:, None] * (end - start), np.float64)

    def way_s(self, start: np.ndarray, end: np.ndarray) -> float:
        """How long that way takes within the limits, in seconds."""
        far = np.abs(end - start)
        by_speed = math.pi * far / (2.0 * self._speed)
        by_acceleration = math.pi * np.sqrt(far / (2.0 * self._acceleration))
        return float(np.maximum(by_speed, by_acceleration).max())
