# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rolling percentiles of durations in constant memory, for budgets and diagnostics."""

from __future__ import annotations

import numpy as np


class Latency:
    """Percentiles over the last `window` durations."""

    def __init__(self, window: int = 128) -> None:
        self._ring = np.zeros(window)
        self._sorted = np.zeros(window)
        self._next = 0
        self._stale = False
        self.count = 0  # all durations ever added

    def add(self, seconds: float) -> None:
        """Take one duration in."""
        self._ring[self._next] = seconds
        self._next = (self._next + 1) % len(self._ring)
        self.count += 1
        self._stale = True

    def quantile(self, share: float) -> float:
        """The duration that `share` of the window does not exceed; 0 without any."""
        size = min(self.count, len(self._ring))
        if not size:
            return 0.0
        if self._stale:
            self._sorted[:size] = self._ring[:size]
            self._sorted[:size].sort()
            self._stale = False
        return float(self._sorted[min(size - 1, int(share * size))])

    @property
    def p50(self) -> float:
        """Median in seconds."""
        return self.quantile(0.5)

    @property
    def p99(self) -> float:
        """99th percentile in seconds; with fewer than 100 durations, the longest."""
        return self.quantile(0.99)
