# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A thread that does things at steady rates of their own, as a driver publishes. For tests."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count

MAKE_UP_SEC = 0.1  # a late turn is made up for, as by a driver's own clock, but not a long pause


class Turns:
    """Add things to do, then `start`."""

    def __init__(self, name: str) -> None:
        self._stopping = threading.Event()
        self._ids = count()
        self._due: list[tuple[float, int, Callable[[], float], Callable[[], None]]] = []
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def every(self, period_s: Callable[[], float], action: Callable[[], None]) -> None:
        """Call `action` at a steady rate, at a phase of its own; the period may change."""
        number = next(self._ids)
        begin_s = time.monotonic() + 0.37 * number * period_s()
        heapq.heappush(self._due, (begin_s, number, period_s, action))

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            due_s, number, period_s, action = self._due[0]
            left_s = due_s - time.monotonic()
            if left_s > 0.0:
                self._stopping.wait(left_s)
                continue
            action()
            next_s = max(due_s + period_s(), time.monotonic() - MAKE_UP_SEC)
            heapq.heapreplace(self._due, (next_s, number, period_s, action))
