# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the guard sent lately, and its mean over an interval: the action that `observe` gets.

Input: stamped commands as the guard reports them. Bounded, preallocated, one writer and one
reader without a lock. Must not import ROS, torch or a bundle.
"""

from __future__ import annotations

import numpy as np

_EMPTY = -(1 << 62)


class SentHistory:
    """The last commands sent, by their stamp."""

    def __init__(self, safe_action: np.ndarray, capacity: int = 256) -> None:
        self._safe = np.asarray(safe_action, np.float32)
        self._stamps: np.ndarray = np.full(capacity, _EMPTY, np.int64)
        self._values = np.zeros((capacity, self._safe.size))
        self._next = 0

    def add(self, stamp_ns: int, values: np.ndarray) -> None:
        """Store one command."""
        i = self._next
        self._stamps[i] = _EMPTY  # a reader must not pair an old stamp with new values
        self._values[i] = values
        self._stamps[i] = stamp_ns
        self._next = (i + 1) % len(self._stamps)

    def rest_at(self, action: np.ndarray) -> None:
        """What counts as sent where nothing was: the safe action, or where the robot rests."""
        self._safe = np.asarray(action, np.float32)

    def clear(self) -> None:
        """Forget everything; until something is sent the safe action counts as sent."""
        self._stamps.fill(_EMPTY)

    def count(self, t0_ns: int, t1_ns: int) -> int:
        """How many commands are stamped in [t0, t1)."""
        return int(np.count_nonzero((self._stamps >= t0_ns) & (self._stamps < t1_ns)))

    def mean(self, t0_ns: int, t1_ns: int) -> np.ndarray:
        """Mean command (float32 [A]) over the samples stamped in [t0, t1).

        Without any: the last command before t0, which a robot holds; without that one: safe.
        """
        inside = np.flatnonzero((self._stamps >= t0_ns) & (self._stamps < t1_ns))
        if inside.size:
            # Summed in the order of time, so that it is the same number wherever it is formed.
            order = inside[np.argsort(self._stamps[inside], kind='stable')]
            mean: np.ndarray = self._values[order].mean(0).astype(np.float32)
            return mean
        before = np.where(self._stamps < t0_ns, self._stamps, _EMPTY)
        last = int(before.argmax())
        if before[last] == _EMPTY:
            return self._safe.copy()
        return self._values[last].astype(np.float32)
