# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a joint is outside of its box, judged by measurement, not by what was commanded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from world_model_ros.onboard.guard.motion import Limits

# A joint counts as inside again at this share of the tolerance, so that noise does not flicker.
BACK_INSIDE_SHARE = 0.75


class Box:
    """The measured positions against the limits, with a tolerance for encoder noise and sag."""

    def __init__(
        self, names: Sequence[str], limits: Limits, tolerance: np.ndarray, margin: np.ndarray
    ) -> None:
        """Take tolerance and margin [A] of each joint.

        Args:
            names: of the joints.
            limits: of what is commanded.
            tolerance: infinite: its measurement counts for nothing.
            margin: how far the limits of what is measured lie outside of those of commands.
        """
        self._names, self._limits, self._tolerance = names, limits, tolerance
        self._margin = margin
        self.leave()

    def leave(self) -> None:
        """Nothing is known any more."""
        self.outside: np.ndarray = np.zeros(len(self._names), bool)  # bool [A]
        self.text = ''  # which joint is furthest outside, '' for none

    def judge(self, here: np.ndarray) -> None:
        """Take note of measured positions [A]."""
        margin = self._tolerance * (BACK_INSIDE_SHARE if self.text else 1.0)
        low, high = self._limits.low - self._margin, self._limits.high + self._margin
        below, above = low - here, here - high
        self.outside = np.maximum(below, above) > margin
        self.text = ''
        if np.any(self.outside):
            i = int(np.argmax(np.maximum(below, above)))
            side, limit = ('low', low) if below[i] > above[i] else ('high', high)
            self.text = (
                f'{self._names[i]} is at {here[i]:.4g}, outside of its {side} limit '
                f'{limit[i]:.4g}: all joints hold; move it inwards by teleoperation or by hand'
            )
