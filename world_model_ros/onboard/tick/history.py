# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The last ticks as an incoming model must see them: observation, action sent, is_first.

One writer, the tick's thread; any number of readers, without a lock: a slot is assigned at once
and holds its own number. Bounded: what falls out is freed. Must not import ROS, torch or a bundle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_ros.onboard.tick.observation import Observation

HISTORY_TICKS = 64


class PastTick(NamedTuple):
    """One tick, in the order that Brain.burn_in takes."""

    observation: Observation
    action_sent: np.ndarray  # float32 [A], over the interval that ends at this tick
    is_first: bool


class History:
    """A ring of the last ticks, numbered from 0 without end."""

    def __init__(self, size: int = HISTORY_TICKS) -> None:
        self._slots: list[tuple[int, PastTick] | None] = [None] * size
        self.count = 0  # ticks ever added

    def add(self, observation: Observation, action_sent: np.ndarray, is_first: bool) -> None:
        """Take in one tick; arrays must not be written to afterwards."""
        past = PastTick(observation, action_sent, is_first)
        self._slots[self.count % len(self._slots)] = (self.count, past)
        self.count += 1

    def add_skipped(self, action: np.ndarray) -> None:
        """Take in a tick that was passed over under this action: nothing was seen."""
        self.add(Observation(0, {}, np.zeros(0, np.float32), {}, False), action, False)

    def since(self, number: int) -> list[tuple[int, PastTick]]:
        """Numbers and ticks from `number` on, oldest first; at most as many as the ring holds."""
        held = [slot for slot in tuple(self._slots) if slot is not None and slot[0] >= number]
        return sorted(held, key=lambda slot: slot[0])
