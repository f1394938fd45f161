# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One step of a command inside the limits of a contract.

Owns the arithmetic of box, rate and acceleration, for all joints at once. A `Motion` remembers the
command sent last and how fast it changed. The priority of the limits is: rate, box, acceleration,
jerk; only the box may break the acceleration limit, and only the others the jerk limit.

A position may be commanded only as fast as it can still stop inside of its box. From speed v with
the braking limit a, a stop takes v²/2a at most, for any lengths of the samples: the sum of the
braking steps is a lower Riemann sum of the falling speed. So each step keeps
``q + v·dt + v²/2a <= high``, and braking from a state that kept it keeps it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.onboard.guard.jerk import JerkLimit
from world_model_ros.onboard.guard.reasons import (
    ACCELERATION,
    CLIPPED,
    JERK,
    NEAR_LIMIT,
    RATE,
    Reason,
)

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

State = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Limits:
    """The limits of all command groups, each float64 [A], in the order of the action vector."""

    low: np.ndarray
    high: np.ndarray
    rate: np.ndarray  # per second
    acceleration: np.ndarray  # per second squared; infinite: not limited
    stop_rate: np.ndarray  # per second, towards zero (effort and velocity)
    jerk: np.ndarray  # per second cubed; infinite: not limited

    @classmethod
    def of(cls, contract: Contract) -> Limits:
        """The limits that a contract gives."""
        action = contract.action
        return cls(
            np.asarray(action.limit_low, np.float64),
            np.asarray(action.limit_high, np.float64),
            np.asarray(action.rate_limit, np.float64),
            np.asarray(action.acceleration_limit, np.float64),
            np.asarray(action.stop_rate_limit, np.float64),
            np.asarray(action.jerk_limit, np.float64),
        )


class Motion:
    """The command sent last [A], its speed [A], and the steps from it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.value = np.zeros(len(limits.low))
        self.speed = np.zeros(len(limits.low))  # per second
        self.acceleration = np.zeros(len(limits.low))  # per second squared, of the newest step
        self._jerk = JerkLimit(limits.rate, limits.acceleration, limits.jerk)
        self._zero_along_curve = np.isfinite(limits.acceleration)

    def start(self, value: np.ndarray) -> None:
        """Begin at rest here, wherever that is."""
        self.value = np.array(value, np.float64)
        self.speed = np.zeros_like(self.value)
        self.acceleration = np.zeros_like(self.value)

    def to(
        self, target: np.ndarray, target_speed: np.ndarray, dt_s: float, reasons: list[Reason]
    ) -> None:
        """Step towards a target [A] that itself moves with `target_speed` [A].

        Without an acceleration limit this is the target, clipped to the box and the rate limit.
        With one, the speed relative to the target is what can still be braked away until there,
        so that a target that stands still is reached without overshoot.
        """
        limits = self._limits
        inside = np.clip(target, limits.low, limits.high)
        if np.any(inside != target):
            reasons.append(CLIPPED)
        # Faster than the rate limit nothing follows; an infinite speed would end as NaN.
        speed = np.clip(target_speed, -limits.rate, limits.rate)
        self._follow(inside, np.where(inside == target, speed, 0.0), dt_s, reasons)

    @property
    def state(self) -> State:
        """Value, speed and acceleration, each [A]; given back to go on from there."""
        return self.value, self.speed, self.acceleration

    @state.setter
    def state(self, state: State) -> None:
        self.value, self.speed, self.acceleration = state

    def hold(self, target: np.ndarray, dt_s: float) -> None:
        """Step towards a target [A] that stands still, also one outside of the box."""
        self._follow(target, np.zeros_like(target), dt_s, [])

    def brake(self, dt_s: float, reasons: list[Reason]) -> bool:
        """Lose speed as fast as acceleration and jerk limit allow; whether it is gone."""
        wanted = np.zeros_like(self.speed)
        if self._jerk.any:
            slower = self._jerk.braked(self.speed, self.acceleration, dt_s)
            wanted = np.where(self._jerk.limited, slower, wanted)
        self._step(wanted, dt_s, reasons)
        return not np.any(self.speed)

    def to_zero(self, dt_s: float) -> bool:
        """Step towards zero at the stop rate (effort and velocity); whether it is reached."""
        step = self._limits.stop_rate * dt_s
        before, speed = self.value, self.speed
        self.value = np.clip(np.zeros_like(before), before - step, before + step)
        if self._zero_along_curve.any():
            slower = self._curved_to_zero(before, speed, dt_s)
            self.value = np.where(self._zero_along_curve, slower, self.value)
        self._moved(before, speed, dt_s)
        return not np.any(self.value)

    def _curved_to_zero(self, value: np.ndarray, speed: np.ndarray, dt_s: float) -> np.ndarray:
        """The next value [A] on the way to zero where the change itself changes only so fast."""
        limits = self._limits
        wanted = -np.sign(value) * np.minimum(
            self._stoppable(np.abs(value), dt_s), limits.stop_rate
        )
        change = np.where(self._zero_along_curve, limits.acceleration, 0.0) * dt_s
        after = value + np.clip(wanted, speed - change, speed + change) * dt_s
        after = np.clip(after, limits.low, limits.high)
        return np.where(np.abs(after) <= 1e-12, 0.0, after)

    def _moved(self, before: np.ndarray, speed: np.ndarray, dt_s: float) -> None:
        self.speed = (self.value - before) / dt_s
        self.acceleration = (self.speed - speed) / dt_s

    def _follow(
        self, target: np.ndarray, following: np.ndarray, dt_s: float, reasons: list[Reason]
    ) -> None:
        behind = target - following * dt_s - self.value
        wanted = following + np.sign(behind) * self._stoppable(np.abs(behind), dt_s)
        if self._jerk.any:
            room = (
                np.maximum(self.value - self._limits.low, 0.0),
                np.maximum(self._limits.high - self.value, 0.0),
            )
            smooth = self._jerk.towards(
                behind, self.speed, following, self.acceleration, room, dt_s
            )
            smooth = np.where(self._jerk.limited, smooth, wanted)
            _note(reasons, JERK, smooth, wanted)
            wanted = smooth
        self._step(wanted, dt_s, reasons)
        # Rounding must not keep the command a hair away from where it is asked to be.
        near = np.abs(self.value - target) <= 1e-12 * np.maximum(1.0, np.abs(target))
        self.value = np.where(near, target, self.value)

    def _stoppable(self, distance: np.ndarray, dt_s: float) -> np.ndarray:
        """The highest speed of a step of dt_s after which a stop fits into the distance [A]."""
        a = self._limits.acceleration
        finite = np.where(np.isfinite(a), a, 1.0)
        root = np.sqrt((finite * dt_s) ** 2 + 2.0 * finite * distance)
        # The same root, written without the difference of two large numbers.
        braked = 2.0 * distance / (dt_s + root / finite)
        return np.where(np.isfinite(a), braked, distance / dt_s)

    def _step(self, wanted: np.ndarray, dt_s: float, reasons: list[Reason]) -> None:
        """Change the command with this speed [A], as far as the limits allow."""
        limits = self._limits
        change = limits.acceleration * dt_s
        speed = np.clip(wanted, self.speed - change, self.speed + change)
        _note(reasons, ACCELERATION, speed, wanted)
        limited = np.clip(speed, -limits.rate, limits.rate)
        _note(reasons, RATE, limited, speed)
        # Outside of the box only inwards: there is no room for the other way.
        up = self._stoppable(np.maximum(limits.high - self.value, 0.0), dt_s)
        down = self._stoppable(np.maximum(self.value - limits.low, 0.0), dt_s)
        bounded = np.clip(limited, -down, up)
        _note(reasons, NEAR_LIMIT, bounded, limited)
        before, was = self.value, self.speed
        self.value = np.clip(
            before + bounded * dt_s,
            np.minimum(limits.low, before),
            np.maximum(limits.high, before),
        )
        self._moved(before, was, dt_s)


def _note(reasons: list[Reason], reason: Reason, after: np.ndarray, before: np.ndarray) -> None:
    """Add a reason where a limit changed the speed by more than rounding does."""
    if np.any(np.abs(after - before) > 1e-9 * (1.0 + np.abs(before))) and reason not in reasons:
        reasons.append(reason)
