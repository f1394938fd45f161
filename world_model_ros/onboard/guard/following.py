# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the joints follow their commands: an arm that sticks or is blocked falls behind.

A driver follows late, and nobody knows how late exactly. So a measured position is compared with
all commands of the last `command_delay`: it is behind only as far as it lies outside of what was
commanded meanwhile. An arm that follows late but follows is never behind. The meaning is that of
`constraints.JOINT.trajectory` of the joint_trajectory_controller, its path tolerance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from world_model_ros.contract import Contract


class Following:
    """What was commanded lately [N, A], and the joint that is furthest behind."""

    def __init__(self, contract: Contract) -> None:
        action = contract.action
        held = np.asarray(action.holds)
        self._names = action.names
        self._tolerance = np.where(held, action.following_error, np.inf)  # [A]
        self._watches = bool(np.any(np.isfinite(self._tolerance)))
        samples = round(contract.driver.command_delay_s * contract.command_rate_hz)
        self._sent = np.zeros((1 + max(1, samples) if self._watches else 1, len(held)))
        self._next = 0

    def begin(self, value: np.ndarray) -> None:
        """Commands begin here [A]; nothing was commanded before."""
        self._sent[:] = value
        self._next = 0

    def sent(self, value: np.ndarray) -> None:
        """A command [A] went out."""
        if self._watches:
            self._sent[self._next] = value
            self._next = (self._next + 1) % len(self._sent)

    def behind(self, here: np.ndarray | None) -> str:
        """Which joint is too far from what was commanded, at measured positions [A]; ''."""
        if here is None or not self._watches:
            return ''
        low, high = self._sent.min(axis=0), self._sent.max(axis=0)
        error = np.maximum(low - here, here - high)
        over = error - self._tolerance
        i = int(np.argmax(over))
        if not over[i] > 0.0:
            return ''
        return (
            f'{self._names[i]} is at {here[i]:.4g}, {error[i]:.3g} away from its command '
            f'({low[i]:.4g} to {high[i]:.4g}), and following_error allows {self._tolerance[i]:g}: '
            'does it stick, or is it blocked?'
        )
