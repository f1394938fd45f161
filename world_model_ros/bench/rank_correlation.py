# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether two lists of figures order policies alike, with intervals. Numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

CLOSE_SHARE = 0.3  # of the best return: policies that are hard to tell apart
LEAST_CLOSE = 4  # policies that a rank correlation is worth printing for
RESAMPLES, CONFIDENCE = 2_000, 0.95
GOAL, GOAL_CLOSE = 0.9, 0.7


def ranking(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rank correlation of inside and outside, with its interval over policies."""
    inside = np.array([row['inside'] for row in rows])
    outside = np.array([row['outside'] for row in rows])
    close = outside >= (1.0 - CLOSE_SHARE) * outside.max()
    found: dict[str, Any] = {
        'policies': len(rows),
        'spearman': spearman(inside, outside),
        'spearman_interval': _interval(inside, outside),
        'close_policies': int(close.sum()),
        'close_releases': sum(
            bool(row.get('release')) for row, near in zip(rows, close, strict=True) if near
        ),
    }
    if close.sum() >= LEAST_CLOSE:
        found['spearman_close'] = spearman(inside[close], outside[close])
        found['spearman_close_interval'] = _interval(inside[close], outside[close])
    found['goals'] = {
        'all_0.9': found['spearman'] >= GOAL,
        'close_0.7': found.get('spearman_close', -1.0) >= GOAL_CLOSE,
    }
    return found


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation; 0 where one of them has no order at all."""
    x, y = _ranks(a), _ranks(b)
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 on; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    found: np.ndarray = (last - (count - 1) / 2.0)[place]
    return found


def _interval(a: np.ndarray, b: np.ndarray) -> list[float]:
    """Percentile bootstrap over policies."""
    picks = np.random.default_rng(0).integers(len(a), size=(RESAMPLES, len(a)))
    drawn = np.array([spearman(a[row], b[row]) for row in picks])
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return [round(float(low), 3), round(float(high), 3)]
