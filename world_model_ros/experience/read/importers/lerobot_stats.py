# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Figures of a feature over all frames, as LeRobot's stats.json holds them.

Must not import ROS or torch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Stats:
    """Least, largest, mean and spread of a feature over all frames."""

    def __init__(self) -> None:
        self._count = 0
        self._least: np.ndarray | float = math.inf
        self._largest: np.ndarray | float = -math.inf
        self._sum: np.ndarray | float = 0.0
        self._squares: np.ndarray | float = 0.0

    def add(self, values: np.ndarray) -> None:
        """Take frames [T, n], or pictures [T, 3, h, w] by channel."""
        rows: np.ndarray = values.astype(np.float64)
        if rows.ndim == 4:
            rows = rows.transpose(0, 2, 3, 1).reshape(-1, 3)
        self._count += len(values)
        self._least = np.minimum(self._least, rows.min(0))
        self._largest = np.maximum(self._largest, rows.max(0))
        weight = len(values) / len(rows)
        self._sum = self._sum + rows.sum(0) * weight
        self._squares = self._squares + np.square(rows).sum(0) * weight
        self._by_channel = values.ndim == 4

    def as_dict(self) -> dict[str, Any]:
        """As in stats.json."""
        mean = np.asarray(self._sum) / self._count
        spread = np.sqrt(np.maximum(np.asarray(self._squares) / self._count - mean**2, 0.0))
        found = {'min': self._least, 'max': self._largest, 'mean': mean, 'std': spread}
        shape = (3, 1, 1) if self._by_channel else (-1,)
        lists = {key: np.asarray(value).reshape(shape).tolist() for key, value in found.items()}
        return {**lists, 'count': [self._count]}
