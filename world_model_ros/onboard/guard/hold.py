# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Coming to rest and staying there: the safe action of a robot that takes positions.

A hold is one target, taken once: where the command came to rest. The measured position takes its
place at most once, when the motion has ended and a joint is further from its command than
`hold_tolerance`: the robot is blocked or was pushed, and the old target would press on. A joint
that sags under gravity stays within the tolerance, so the target does not sink with it.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.onboard.guard.motion import Limits, Motion
from world_model_ros.onboard.guard.reasons import Reason

# The motion has ended when no joint moved by more than this share of hold_tolerance (above the
# noise of encoders) for so long (above the lag of drivers, tens of milliseconds).
STILL_SHARE = 0.1
STILL_SEC = 0.25


class Hold:
    """The target of a hold, and when it may be taken from the measurement."""

    def __init__(self, limits: Limits, tolerance: np.ndarray) -> None:
        self._limits = limits
        self._tolerance = tolerance  # [A]
        self.target: np.ndarray | None = None  # float64 [A]; None: still coming to rest
        self.leave()

    def leave(self) -> None:
        """The robot is commanded: the next hold takes its own target."""
        self.target = None
        self._judged = False
        self._still_from: tuple[float, np.ndarray] | None = None

    def at(self, target: np.ndarray) -> None:
        """Hold here, whatever came before."""
        self.leave()
        self.target = np.array(target, np.float64)

    def judge_again(self) -> None:
        """The robot was moved while it was held: where it is now may become the target."""
        self._judged = False
        self._still_from = None

    def judge_always(self) -> None:
        """The driver does not hold it: wherever it comes to a rest may become the target."""
        self._judged = False

    def step(
        self,
        motion: Motion,
        dt_s: float,
        steady_s: float,
        measured: np.ndarray | None,
        reasons: list[Reason],
    ) -> None:
        """One sample of coming to rest, and of staying there."""
        if self.target is None:
            if motion.brake(dt_s, reasons):
                self.target = motion.value.copy()
            return
        if not self._judged and measured is not None and self._still(steady_s, measured):
            self._judged = True
            away = np.abs(measured - self.target) > self._tolerance
            if np.any(away):
                # A command that is inside of its box stays there.
                low = np.minimum(self._limits.low, self.target)
                high = np.maximum(self._limits.high, self.target)
                self.target = np.where(away, np.clip(measured, low, high), self.target)
        motion.hold(self.target, dt_s)

    def _still(self, steady_s: float, measured: np.ndarray) -> bool:
        """Whether no joint has moved for STILL_SEC."""
        if self._still_from is None or np.any(
            np.abs(measured - self._still_from[1]) > STILL_SHARE * self._tolerance
        ):
            self._still_from = (steady_s, measured.copy())
        return steady_s - self._still_from[0] >= STILL_SEC
