# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counts of the guard's samples: written by the metronome, read by the executor.

Constant in memory: a reason may hold numbers or a sender's words, so its beginning is counted,
and of too many different ones the rest together.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable

import numpy as np

LATENESS_WINDOW = 500  # samples; 10 s at 50 Hz
MAX_REASONS = 64
MAX_NAME = 60  # characters of a reason
SHOWN = 8


class Tally:
    """Sources, reasons and lateness of samples."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.samples = 0
        self._sources: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._lateness_ms: deque[float] = deque(maxlen=LATENESS_WINDOW)

    def add(self, source: str, reasons: Iterable[str], late_s: float) -> None:
        """Count one sample."""
        with self._lock:
            self.samples += 1
            self._sources[source] += 1
            for reason in reasons:
                name = reason.split(' is at ')[0].split(':')[0][:MAX_NAME]
                full = len(self._reasons) >= MAX_REASONS and name not in self._reasons
                self._reasons['others' if full else name] += 1
            self._lateness_ms.append(1e3 * late_s)

    def values(self) -> dict[str, object]:
        """For diagnostics."""
        with self._lock:
            sources, reasons = dict(self._sources), self._reasons.most_common(SHOWN)
            lateness_ms = np.array(self._lateness_ms)
        values: dict[str, object] = {f'samples.{key}': n for key, n in sources.items()}
        values.update({f'reason.{key}': n for key, n in reasons})
        if lateness_ms.size:
            p50, p99 = np.percentile(lateness_ms, (50, 99))
            values['sample_late_ms.p50'], values['sample_late_ms.p99'] = float(p50), float(p99)
        return values
