# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The speed of the next step where jerk is limited, too: the third derivative of the command.

A step takes the highest acceleration after which a stop still fits, first into the way to the
target, then into the box. How far a stop takes is known in closed form: the acceleration goes to
its limit and back within the jerk limit. A stop in samples takes less than this, because each
sample moves with the speed at its end. Rate, box and acceleration come before jerk (motion.py).
"""

from __future__ import annotations

import numpy as np

# Accelerations that are tried at once, and how often: 1/529 of what a step may change is left.
TRIED, ROUNDS = 24, 2
SLACK = 1.0 + 1e-9


class JerkLimit:
    """Limits [A] on acceleration and jerk; joints without them are none of its business."""

    def __init__(self, rate: np.ndarray, acceleration: np.ndarray, jerk: np.ndarray) -> None:
        self.limited: np.ndarray = np.isfinite(jerk) & np.isfinite(acceleration)  # bool [A]
        self._rate = rate
        # Any finite number does for the others: their result is not used.
        self._acceleration = np.where(self.limited, acceleration, 1.0)
        self._jerk = np.where(self.limited, jerk, 1.0)
        self._shares = np.linspace(0.0, 1.0, TRIED)[:, None]  # [K, 1]

    @property
    def any(self) -> bool:
        """Whether a joint is limited."""
        return bool(self.limited.any())

    def towards(
        self,
        behind: np.ndarray,
        speed: np.ndarray,
        following: np.ndarray,
        acceleration: np.ndarray,
        room: tuple[np.ndarray, np.ndarray],
        dt_s: float,
    ) -> np.ndarray:
        """Speed [A] of the next step towards a target that moves.

        Args:
            behind: how far the target is ahead [A], signed.
            speed: of the command now [A].
            following: speed of the target [A].
            acceleration: of the command now [A].
            room: how far the box reaches below and above [A], at least 0.
            dt_s: length of the step.
        """
        side = np.where(behind < 0.0, -1.0, 1.0)
        way, ahead = np.abs(behind), side * acceleration
        relative, absolute = side * (speed - following), side * speed
        box = np.where(side > 0.0, room[1], room[0])
        low, high = self._window(ahead, absolute, dt_s)

        limits = np.stack([way, box])[:, None]  # [2, 1, A]
        speeds = np.stack([relative, absolute])[:, None]
        for _ in range(ROUNDS):
            tried = low + (high - low) * self._shares  # [K, A]
            fits = (self._travels(speeds + tried * dt_s, tried, dt_s) <= limits).all(axis=0)
            # The highest that fits and the one above it; the lowest of all where none does.
            best = np.where(fits.any(axis=0), TRIED - 1 - np.argmax(fits[::-1], axis=0), 0)
            low, high = (
                np.take_along_axis(tried, np.minimum(best + more, TRIED - 1)[None], axis=0)[0]
                for more in (0, 1)
            )
        there = (way / dt_s - relative) / dt_s
        taken = np.where(self._lands(way, relative, ahead, dt_s), there, low)
        return speed + side * taken * dt_s

    def braked(self, speed: np.ndarray, acceleration: np.ndarray, dt_s: float) -> np.ndarray:
        """Speed [A] of the next step on the way to rest."""
        side = np.where(speed < 0.0, -1.0, 1.0)
        jerk = self._jerk
        wanted = -side * np.minimum(_stoppable(np.abs(speed), jerk, dt_s), self._acceleration)
        change = jerk * dt_s
        taken = np.clip(wanted, acceleration - change, acceleration + change)
        to_rest = -speed / dt_s
        ends = (np.abs(to_rest - acceleration) <= change * SLACK) & (
            np.abs(to_rest) <= change * SLACK
        )
        return np.where(ends, 0.0, speed + taken * dt_s)

    def _window(
        self, ahead: np.ndarray, absolute: np.ndarray, dt_s: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Accelerations of a step that keep jerk, acceleration and rate, also later."""
        change = self._jerk * dt_s
        low = np.maximum(ahead - change, -self._acceleration)
        high = np.minimum(ahead + change, self._acceleration)
        faster = _stoppable(np.maximum(self._rate - absolute, 0.0), self._jerk, dt_s)
        return low, np.maximum(np.minimum(high, faster), low)

    def _travels(self, speed: np.ndarray, a: np.ndarray, dt_s: float) -> np.ndarray:
        """How far [..., A] a step with this speed goes, and the stop after it."""
        limit, jerk = self._acceleration, self._jerk
        # On the curve of a stop that began with a = 0: then with this speed.
        first = np.maximum(speed + a * a / (2.0 * jerk), 0.0)
        short = first * np.sqrt(first / jerk)
        long = first * first / (2.0 * limit) + first * limit / (2.0 * jerk)
        rest = np.where(first * jerk <= limit * limit, short, long)
        rest = rest + speed * a / jerk + a * a * a / (3.0 * jerk * jerk)
        # It turns back before the acceleration is gone: no further than with this one held.
        turns = (a < 0.0) & (a * a > 2.0 * jerk * speed)
        brief = np.maximum(speed, 0.0) ** 2 / np.maximum(-2.0 * a, 1e-12)
        backwards = (a >= 0.0) & (speed + a * a / (2.0 * jerk) <= 0.0)
        return speed * dt_s + np.where(turns, brief, np.where(backwards, 0.0, rest))

    def _lands(
        self, way: np.ndarray, relative: np.ndarray, ahead: np.ndarray, dt_s: float
    ) -> np.ndarray:
        """Whether the next step may end at the target, and the two after it end the motion."""
        change = self._jerk * dt_s * SLACK
        speed = way / dt_s
        there, back = (speed - relative) / dt_s, -speed / dt_s
        return (
            (np.abs(there - ahead) <= change)
            & (np.abs(there) <= self._acceleration)
            & (np.abs(back - there) <= change)
            & (np.abs(back) <= change)
        )


def _stoppable(distance: np.ndarray, limit: np.ndarray, dt_s: float) -> np.ndarray:
    """The highest rate of a step after which it can still be brought to 0 within the distance."""
    root = np.sqrt((limit * dt_s) ** 2 + 2.0 * limit * distance)
    return 2.0 * distance / (dt_s + root / limit)
