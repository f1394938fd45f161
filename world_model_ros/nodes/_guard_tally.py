# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counts of the guard's samples: written by the metronome, read by the executor.

Constant in memory: reasons are counted by their kind, whatever their words.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable

import numpy as np

from world_model_ros.onboard.guard.reasons import Reason, ReasonKind

LATENESS_WINDOW = 500  # samples; 10 s at 50 Hz


class Tally:
    """Sources, reasons and lateness of samples."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.samples = 0
        self._sources: Counter[str] = Counter()
        self._reasons: Counter[ReasonKind] = Counter()
        self._before: frozenset[ReasonKind] = frozenset()  # of the newest sample
        self._begun: Counter[ReasonKind] = Counter()
        self._lateness_ms: deque[float] = deque(maxlen=LATENESS_WINDOW)

    def add(self, source: str, reasons: Iterable[Reason], late_s: float) -> None:
        """Count one sample."""
        with self._lock:
            self.samples += 1
            self._sources[source] += 1
            kinds = frozenset(reason.kind for reason in reasons)
            self._reasons.update(kinds)
            self._begun.update(kinds - self._before)
            self._before = kinds
            self._lateness_ms.append(1e3 * late_s)

    def values(self) -> dict[str, object]:
        """For diagnostics."""
        with self._lock:
            sources, reasons = dict(self._sources), dict(self._reasons)
            begun = dict(self._begun)
            lateness_ms = np.array(self._lateness_ms)
        values: dict[str, object] = {f'samples.{key}': n for key, n in sources.items()}
        values.update({f'reason.{kind.value}': n for kind, n in reasons.items()})
        values.update({f'interventions.{kind.value}': n for kind, n in begun.items()})
        if lateness_ms.size:
            p50, p99 = np.percentile(lateness_ms, (50, 99))
            values['sample_late_ms.p50'], values['sample_late_ms.p99'] = float(p50), float(p99)
        return values
