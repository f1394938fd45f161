# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Which command groups are due at a sample: a group may be commanded less often than the guard.

Between its turns a group keeps what it was sent. The limits hold for each sample, so that they
hold for what a slow group is sent, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from world_model_ros.contract import Contract


class GroupRates:
    """Counts samples; a group with a rate of its own is due at every n-th."""

    def __init__(self, contract: Contract) -> None:
        rate_hz = contract.command_rate_hz
        self._every = [round(rate_hz / (g.rate_hz or rate_hz)) for g in contract.groups]
        self._parts = contract.action.parts
        self._all = (True,) * len(self._every)
        self._same = max(self._every) == 1
        self.begin(np.zeros(contract.action_dim))

    def begin(self, value: np.ndarray) -> None:
        """The guard becomes active: all groups are due at the next sample."""
        self._count = 0
        self._sent = self._before = np.array(value, np.float64)

    def take(self, value: np.ndarray) -> tuple[np.ndarray, tuple[bool, ...]]:
        """What is in force [A] after this sample, and which groups are sent now."""
        self._before = self._sent
        self._sent = value.copy()
        due = self._all
        if not self._same:
            due = tuple(self._count % every == 0 for every in self._every)
            for part, now in zip(self._parts, due, strict=True):
                if not now:
                    self._sent[part] = self._before[part]
        self._count += 1
        return self._sent.copy(), due

    def not_sent(self) -> None:
        """The newest sample did not go out: the groups that were due are due again."""
        self._sent = self._before
        self._count -= 1

    @property
    def sent(self) -> np.ndarray:
        """What is in force [A]."""
        return self._sent
