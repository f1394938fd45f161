# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the commanded joints are, for holding them: the newest position of each, with its age.

A robot may publish its joints in parts, by several drivers on one topic or on several. Input:
names and positions of each message, and the time at which it came. Output: one array, or None
while a joint is unknown or older than its stream allows. Must not import ROS, torch or a bundle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from world_model_ros.contract import Contract


class JointPositions:
    """Newest position of each joint that is held when in doubt; 0 for the others."""

    def __init__(self, contract: Contract) -> None:
        action = contract.action
        held = zip(action.names, action.holds, strict=True)
        self._index = {name: i for i, (name, holds) in enumerate(held) if holds}
        self._held = np.asarray(action.holds)  # [A]
        self._position = np.where(self._held, math.nan, 0.0)
        self._came_s = np.full(len(action.names), -math.inf)
        self._max_age_s = np.zeros(len(action.names))
        topics: list[str] = []
        for stream in contract.joint_streams:
            for name in stream.names:
                i = self._index.get(name)
                if i is not None:
                    topics.append(stream.topic)
                    self._max_age_s[i] = max(self._max_age_s[i], stream.max_age_s)
        self.topics = tuple(dict.fromkeys(topics))  # where these joints are published

    def take(self, names: Sequence[str], positions: Sequence[float], now_s: float) -> None:
        """Keep what one message says; other joints and missing positions are ignored."""
        for name, position in zip(names, positions, strict=False):
            i = self._index.get(name)
            if i is not None:
                self._position[i] = position
                self._came_s[i] = now_s

    def at(self, now_s: float) -> np.ndarray | None:
        """Positions [A], float64; None while one that is held is unknown or too old."""
        fresh = np.abs(now_s - self._came_s) <= self._max_age_s
        return self._position.copy() if bool(np.all(fresh | ~self._held)) else None
