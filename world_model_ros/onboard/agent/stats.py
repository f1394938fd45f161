# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counts and percentiles of the agent's ticks in constant memory, for diagnostics.

Written by the worker, read by the executor's thread. Holds no ROS entity.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.onboard.policy.brain import Decision
from world_model_ros.onboard.tick.assembly import Observation
from world_model_ros.onboard.tick.ticker import Tick

_BIN_SEC = 1e-4  # resolution of the percentiles
_BINS = 5000  # up to 0.5 s; a longer tick counts as that long


class Stats:
    """Everything since the node was configured."""

    def __init__(self) -> None:
        self.ticks = 0
        self.late = 0  # left after the command offset, or skipped
        self.skipped = 0
        self.invalid = 0
        self.iterations = 0
        self.sources: dict[str, int] = {}
        self.ages: dict[str, float] = {}
        self.error = ''
        self._durations: np.ndarray = np.zeros(_BINS, np.int64)

    def add(
        self,
        tick: Tick,
        duration_s: float,
        lateness_s: float,
        decision: Decision,
        observation: Observation,
    ) -> None:
        """Count one tick."""
        self.ticks += 1
        self.skipped += tick.skipped
        self.late += tick.skipped + (lateness_s > 0.0)
        self.invalid += not observation.valid
        self.iterations += decision.iterations
        self.sources[decision.source] = self.sources.get(decision.source, 0) + 1
        errors = []
        for name, sample in observation.samples.items():
            self.ages[name] = sample.age_s
            if sample.error:
                errors.append(sample.error)
        self.error = '; '.join(errors)
        self._durations[min(int(duration_s / _BIN_SEC), _BINS - 1)] += 1

    def quantile_ms(self, share: float) -> float:
        """The duration of a tick that `share` of all ticks do not exceed."""
        total = int(self._durations.sum())
        if not total:
            return 0.0
        place = int(np.searchsorted(np.cumsum(self._durations), share * total))
        return 1e3 * _BIN_SEC * (min(place, _BINS - 1) + 1)
