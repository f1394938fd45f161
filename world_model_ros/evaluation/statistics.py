# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Intervals: bootstrap over episodes, paired differences, IQM over task x seed.

Numbers in, numbers out; resampling is seeded, so a table computed twice is the same table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95
_NORMAL_QUANTILE = 1.959964  # for that confidence, both sides


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """As it stands in a table."""
        return f'{self.mean:.1f} [{self.low:.1f}, {self.high:.1f}]'

    def entry(self, name: str) -> dict[str, object]:
        """As it stands in JSON: NAME and NAME_interval."""
        return {
            name: round(self.mean, 3),
            f'{name}_interval': [round(self.low, 3), round(self.high, 3)],
        }


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean over episodes with its percentile bootstrap interval."""
    data = _checked(values)
    return _interval(float(data.mean()), data[_picks(len(data))].mean(axis=1))


def rate_interval(happened: Sequence[bool]) -> Interval:
    """Share of episodes in which something happened, with Wilson's 95 % interval.

    Also where it always or never happened: a bootstrap would be sure of it then.
    """
    data = _checked([float(value) for value in happened])
    count, share = len(data), float(data.mean())
    squared = _NORMAL_QUANTILE**2 / count
    middle = (share + squared / 2) / (1 + squared)
    half = math.sqrt(squared * (share * (1 - share) + squared / 4)) / (1 + squared)
    return Interval(
        share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
    )


def paired_interval(a: Sequence[float], b: Sequence[float]) -> Interval:
    """Mean of a - b over the same episodes, episodes resampled as pairs."""
    if len(a) != len(b):
        raise ValueError(f'paired arms need the same episodes: {len(a)} against {len(b)}')
    return mean_interval(_checked(a) - _checked(b))


def ratio_interval(
    over: Sequence[float] | np.ndarray, under: Sequence[float] | np.ndarray
) -> Interval:
    """Ratio of the means of two figures of the same episodes, resampled as pairs."""
    if len(over) != len(under):
        raise ValueError(f'paired arms need the same episodes: {len(over)} against {len(under)}')
    top, bottom = _checked(over), _checked(under)
    picks = _picks(len(top))
    resampled = top[picks].mean(axis=1) / bottom[picks].mean(axis=1)
    return _interval(float(top.mean() / bottom.mean()), resampled)


def resampled_means(rows: np.ndarray) -> np.ndarray:
    """Means [resamples, ...] over episodes of figures [episodes, ...], episodes resampled."""
    counts = np.zeros((RESAMPLES, len(rows)))
    np.add.at(counts, (np.arange(RESAMPLES)[:, None], _picks(len(rows))), 1.0 / len(rows))
    return np.tensordot(counts, np.asarray(rows, np.float64), 1)


def percentiles(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the interval [...] of resampled figures [resamples, ...]."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(resampled, [tail, 100 - tail], axis=0)
    return low, high


def iqm(values: np.ndarray) -> float:
    """Interquartile mean: mean of the middle half, edge values weighted by their share."""
    data = np.sort(np.asarray(values, np.float64).ravel())
    cut = len(data) / 4
    edges = np.arange(len(data) + 1)
    inside = np.clip(edges, cut, len(data) - cut)
    return float(data @ np.diff(inside) / (len(data) - 2 * cut))


def iqm_interval(scores: Sequence[Sequence[float]]) -> Interval:
    """IQM over task x seed; seeds are resampled within each task (stratified)."""
    tasks = [_checked(task) for task in scores]
    rng = np.random.default_rng(0)
    drawn = [task[rng.integers(len(task), size=(RESAMPLES, len(task)))] for task in tasks]
    joined = np.concatenate(drawn, axis=1)  # [resamples, all runs]
    return _interval(iqm(np.concatenate(tasks)), _rows(iqm, joined))


def _rows(statistic: Callable[[np.ndarray], float], rows: np.ndarray) -> np.ndarray:
    return np.array([statistic(row) for row in rows])


def _picks(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(count, size=(RESAMPLES, count))


def _interval(estimate: float, resampled: np.ndarray) -> Interval:
    low, high = percentiles(resampled)
    return Interval(estimate, float(low), float(high))


def _checked(values: Sequence[float] | np.ndarray) -> np.ndarray:
    data = np.asarray(values, np.float64)
    if data.ndim != 1 or not len(data) or not np.isfinite(data).all():
        raise ValueError('expected at least one finite value per episode')
    return data
