# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Chunks of named, time-stamped actions: checked when they come, looked up by time.

Owns what a chunk must look like, and which one is in force at a time. Knows no limits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

# A longer chunk than this is a mistake of the sender, not a plan: 128 ticks are 5 s at 25 Hz.
MAX_CHUNK_STEPS = 128


class Chunk(NamedTuple):
    """Actions [H, A] that count from their times on; the last one for one control period."""

    start_ns: int
    times_ns: tuple[int, ...]
    values: np.ndarray  # float64 [H, A], finite, columns in the contract's order
    end_ns: int

    def at(self, t_ns: int, interpolate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The action [A] at a time, and how fast it changes [A], per second.

        Held between the times, or, where `interpolate` [A] says so, linear between them.
        """
        times, i = self.times_ns, 0
        while i + 1 < len(times) and times[i + 1] <= t_ns:
            i += 1
        row: np.ndarray = self.values[i]
        if i + 1 == len(times) or not interpolate.any():
            return row, np.zeros(len(row))
        after: np.ndarray = self.values[i + 1]
        span_ns = times[i + 1] - times[i]
        share = (t_ns - times[i]) / span_ns
        slope: np.ndarray = (after - row) / (span_ns * 1e-9)
        between = (1.0 - share) * row + share * after
        return np.where(interpolate, between, row), np.where(interpolate, slope, 0.0)


def read_chunk(
    expected: Sequence[str],
    period_ns: int,
    names: Sequence[str],
    times_ns: Sequence[int],
    values: np.ndarray,
) -> tuple[Chunk | None, str]:
    """A chunk with its columns in the order of `expected`, or None and why it is refused."""
    if len(names) != len(expected) or set(names) != set(expected):
        return None, (
            f'names {list(names)}, expected {list(expected)}; the sender has another contract'
        )
    rows = np.asarray(values, np.float64)
    if rows.shape != (len(times_ns), len(names)) or not 0 < len(rows) <= MAX_CHUNK_STEPS:
        return None, (
            f'shape {rows.shape} with {len(times_ns)} times, expected '
            f'[1..{MAX_CHUNK_STEPS}, {len(expected)}] and as many times'
        )
    if not np.all(np.isfinite(rows)):
        return None, 'it holds NaN or infinity, expected finite numbers'
    if any(b <= a for a, b in pairwise(times_ns)):
        return None, 'its times do not increase'
    times = tuple(int(t) for t in times_ns)
    columns = [list(names).index(name) for name in expected]
    return Chunk(times[0], times, rows[:, columns], times[-1] + period_ns), ''


class ChunkQueue:
    """The newest chunks of one sender. One that starts later leaves the one before in force."""

    def __init__(self, length: int) -> None:
        self._chunks: deque[Chunk] = deque(maxlen=length)

    def put(self, chunk: Chunk) -> None:
        """Take a chunk."""
        self._chunks.append(chunk)

    def clear(self) -> None:
        """Forget all of them."""
        self._chunks.clear()

    def started(self, t_ns: int) -> Chunk | None:
        """The newest arrival that has started, also when it has ended."""
        return next((c for c in reversed(self._chunks) if c.start_ns <= t_ns), None)
