# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a person's directions to a command: a share of what the robot's limits allow.

So the guard has nothing to clip. Joints that take positions move on from where they are, at a
share of their rate limit; all others are pushed in proportion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.onboard.guard.guard_status import GuardStatus

DRIVE_SHARE = 0.5  # of the limits, and of the speed of a joint that takes positions
PAUSE_SEC = 0.5  # without a direction for so long, driving begins again from where the robot is


class CannotDrive(ValueError):
    """Why nothing would move; one line for the person."""


class Driving:
    """One person who drives."""

    def __init__(self, contract: Contract, joints: Callable[[], Mapping[str, float]]) -> None:
        """`joints` says where they are, by name."""
        self._action, self._joints = contract.action, joints
        self._target: np.ndarray = np.zeros(contract.action_dim)
        self.let_go()

    def let_go(self) -> None:
        """The next direction begins from where the robot is then."""
        self._drove_s = -float('inf')

    def command(
        self, directions: Sequence[float], status: GuardStatus | None, now_s: float
    ) -> np.ndarray:
        """The command [A] of directions from -1 to 1; `status` is None while the guard is silent.

        Raises:
            CannotDrive: the guard would not let it through, or nobody knows where a joint is.
        """
        names = self._action.names
        if len(directions) != len(names):
            raise CannotDrive(f'expected {len(names)} directions, got {len(directions)}')
        if status is None:
            raise CannotDrive('the guard is silent: nothing moves the robot')
        if status.stop_reason:
            raise CannotDrive(f'stopped: {status.stop_reason}')
        if not status.active:
            raise CannotDrive(
                'the guard is inactive: let the agent act, or activate the guard alone'
            )
        low = np.asarray(status.low or self._action.limit_low)  # what the guard keeps to today
        high = np.asarray(status.high or self._action.limit_high)
        given: np.ndarray = np.asarray(directions, np.float64)
        held = np.asarray(self._action.positions)
        since_s = now_s - self._drove_s
        if since_s > PAUSE_SEC:
            self._begin(held)
            since_s = 0.0
        self._drove_s = now_s
        speed = DRIVE_SHARE * np.asarray(self._action.rate_limit)
        self._target = np.clip(self._target + given * speed * since_s, low, high)
        reach = np.where(given > 0.0, high, -low)
        pushed = np.clip(DRIVE_SHARE * given * reach, low, high)
        values: np.ndarray = np.where(held, self._target, pushed)
        return values

    def _begin(self, held: np.ndarray) -> None:
        at = self._joints()
        names = self._action.names
        unknown = [name for name, h in zip(names, held, strict=True) if h and name not in at]
        if unknown:
            raise CannotDrive(f'where {", ".join(unknown)} is, no message says')
        self._target = np.array([at.get(name, 0.0) for name in names])
