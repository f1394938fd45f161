# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The safe action of all command groups at once: held joints come to rest, the others go to zero.

Owns which joints are held and what of a measurement they need. Input: the motion so far, measured
positions. Output: the next step, and whether the robot is at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.onboard.guard.hold import Hold
from world_model_ros.onboard.guard.motion import Limits, Motion
from world_model_ros.onboard.guard.reasons import Reason

if TYPE_CHECKING:
    from world_model_ros.contract import Contract


class SafeAction:
    """Brings one motion to rest, each joint as its group says."""

    def __init__(self, contract: Contract, limits: Limits) -> None:
        action = contract.action
        self._names, self._limits = action.names, limits
        self.held: np.ndarray = np.asarray(action.holds)  # bool [A]
        self.holds = bool(self.held.any())  # positions must be measured
        self.hold = Hold(limits, self.of_held(action.hold_tolerance))

    def of_held(self, tolerance: Sequence[float]) -> np.ndarray:
        """A tolerance [A] of measured positions, infinite for joints that are not held."""
        return np.where(self.held, tolerance, np.inf)

    def positions(self, measured: np.ndarray | None) -> np.ndarray | None:
        """Measured positions [A], 0 where nothing is held; None if one is unknown."""
        if measured is None:
            return None
        given = np.asarray(measured, np.float64)
        if given.shape != self.held.shape:
            return None
        here = np.where(self.held, given, 0.0)
        return here if bool(np.all(np.isfinite(here))) else None

    def needs_position(self) -> str:
        """The refusal of what would begin a hold at an unknown place."""
        held = [name for name, holds in zip(self._names, self.held, strict=True) if holds]
        return (
            f'no fresh position of {", ".join(held)}: holding would move the robot; '
            'check the joint states'
        )

    def step(
        self,
        motion: Motion,
        dt_s: float,
        steady_s: float,
        here: np.ndarray | None,
        reasons: list[Reason],
    ) -> None:
        """One sample of the safe action."""
        before = motion.state
        if not self.held.all():
            motion.to_zero(dt_s)
        if self.holds:
            zeroed, motion.state = motion.state, before
            self.hold.step(motion, dt_s, steady_s, here, reasons)
            value, speed, acceleration = (
                np.where(self.held, held, other)
                for held, other in zip(motion.state, zeroed, strict=True)
            )
            motion.state = value, speed, acceleration

    def at_rest(self, motion: Motion, sent: np.ndarray) -> bool:
        """Whether the motion, and what was sent of it [A], is held or zero."""
        if np.any(sent[~self.held]) or np.any(motion.value[~self.held]):
            return False
        if not self.holds:
            return True
        if self.hold.target is None or np.any(motion.speed[self.held]):
            return False
        return bool(np.all((sent == self.hold.target)[self.held]))

    @property
    def rest_s(self) -> float:
        """How long coming to rest may take within the limits, in seconds."""
        limits = self._limits
        to_zero = np.maximum(-limits.low, limits.high) / limits.stop_rate
        to_zero = to_zero + limits.stop_rate / limits.acceleration
        held = limits.rate / limits.acceleration
        held = held + np.where(np.isfinite(limits.jerk), limits.acceleration / limits.jerk, 0.0)
        return float(np.max(np.where(self.held, held, to_zero)))
