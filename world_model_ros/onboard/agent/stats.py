# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counts and percentiles of the agent's ticks in constant memory, for diagnostics.

Written by the worker, read by the executor's thread. Holds no ROS entity.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.onboard.policy.brain import Decision
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.onboard.tick.ticker import Tick

_BIN_SEC = 1e-4  # resolution of the percentiles
_BINS = 5000  # up to 0.5 s; a longer tick counts as that long


class Stats:
    """Everything since the node was configured."""

    def __init__(self, command_offset_s: float = 0.0, stream: str = '') -> None:
        """Begin at 0; the delay from the sensor to the command is that from `stream`."""
        self._offset_s, self._stream = command_offset_s, stream
        self.ticks = 0
        self.late = 0  # left after the command offset, or skipped
        self.skipped = 0
        self.invalid = 0
        self.iterations = 0
        self.rejected = 0  # ticks whose plans would all have taken joints out of their limits
        self.sources: dict[str, int] = {}
        self.ages: dict[str, float] = {}
        self.error = ''
        self.tick = Histogram()
        self.graphs = Histogram()  # of a tick, inside of graphs
        self.overhead = Histogram()  # of a tick, outside of graphs
        self.sensor_to_command = Histogram()  # from stamp to chunk

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
        self.rejected += decision.rejected
        self.sources[decision.source] = self.sources.get(decision.source, 0) + 1
        errors = []
        for name, sample in observation.samples.items():
            self.ages[name] = sample.age_s
            if sample.error:
                errors.append(sample.error)
        self.error = '; '.join(errors)
        self.tick.add(duration_s)
        self.graphs.add(decision.graph_s)
        self.overhead.add(duration_s - decision.graph_s)
        seen = observation.samples.get(self._stream)
        if seen is not None and seen.valid:
            self.sensor_to_command.add(seen.age_s + self._offset_s + lateness_s)


class Histogram:
    """Percentiles of durations."""

    def __init__(self) -> None:
        self._counts: np.ndarray = np.zeros(_BINS, np.int64)

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[min(max(int(seconds / _BIN_SEC), 0), _BINS - 1)] += 1

    def quantile_ms(self, share: float) -> float:
        """The duration that `share` of all do not exceed."""
        total = int(self._counts.sum())
        if not total:
            return 0.0
        place = int(np.searchsorted(np.cumsum(self._counts), share * total))
        return 1e3 * _BIN_SEC * (min(place, _BINS - 1) + 1)
