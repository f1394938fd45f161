# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: percentiles, the machine they ran on, and a bare sleeping loop.

The sleeping loop is the control: it shows how late a process that does nothing wakes up on this
machine at this moment. Run as a module it prints its figures after it is asked to stop.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import time
from typing import Any

import numpy as np

SIMD = ('avx2', 'avx512f', 'avx512_bf16', 'amx_bf16')


def milliseconds(seconds: list[float] | np.ndarray) -> dict[str, float]:
    """Return percentiles of durations, in milliseconds."""
    values = np.asarray(seconds, dtype=np.float64) * 1e3
    if not values.size:
        return {}
    low, high = np.percentile(values, [50, 99])
    return {
        'p50': round(float(low), 3),
        'p99': round(float(high), 3),
        'max': round(float(values.max()), 3),
        'count': int(values.size),
    }


def machine() -> dict[str, Any]:
    """Say what a figure was measured on."""
    about: dict[str, str] = {}
    if os.path.exists('/proc/cpuinfo'):
        with open('/proc/cpuinfo', encoding='utf-8', errors='replace') as file:
            rows = (line.partition(':') for line in file)
            about = {name.strip(): text.strip() for name, _, text in rows}
    has = set(about.get('flags', '').split())
    return {
        'cpu': about.get('model name') or platform.processor() or platform.machine(),
        # One name stands for processors of many speeds; these set what matrix products cost.
        'simd': [name for name in SIMD if name in has],
        'cores': os.cpu_count(),
        'load_1min': round(os.getloadavg()[0], 2),
        'python': platform.python_version(),
    }


class SleepingLoop:
    """Wakes at t_0 + k * period and does nothing; its lateness is the machine's."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self.late_s: list[float] = []

    def run(self, seconds: float, stopped: Any = lambda: False) -> dict[str, Any]:
        """Sleep on for so long, or until `stopped()`; return lateness and late periods."""
        start = time.monotonic()
        due = start + self.period_s
        while due < start + seconds and not stopped():
            time.sleep(max(0.0, due - time.monotonic()))
            late = time.monotonic() - due
            self.late_s.append(late)
            due += self.period_s * (1 + int(late / self.period_s))  # skip what has passed
        return self.figures()

    def figures(self) -> dict[str, Any]:
        """Return lateness percentiles and the share of periods missed as a whole."""
        late = np.asarray(self.late_s)
        share = float((late > self.period_s).mean()) if late.size else 0.0
        return {'wake_late_ms': milliseconds(late), 'late_share': share}


def main() -> None:
    """Run the control beside something else: PERIOD_S SECONDS, or until SIGTERM."""
    period_s, seconds = float(sys.argv[1]), float(sys.argv[2])
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _frame: asked.append(signum))
    figures = SleepingLoop(period_s).run(seconds, lambda: bool(asked))
    sys.stdout.write(json.dumps(figures) + '\n')


if __name__ == '__main__':
    main()
