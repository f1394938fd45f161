# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How long predictions are useful, from two error curves. Numbers in, numbers out; no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def useful_ticks(own: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return how many entries [...] pass before the baseline is as good; errors [..., H].

    An error that is NaN is worse than any.
    """
    worse = ~(own < theirs)
    return np.where(worse.any(-1), worse.argmax(-1), own.shape[-1])


def first_better(better: np.ndarray, seconds: np.ndarray | Sequence[float]) -> list[float] | None:
    """Return begin and end in s of the first stretch [H] in which the model is better.

    Copying is hard to beat at the very first tick, where nothing has moved yet. The stretch
    separates a model that is good afterwards from one that never is. None: never.

    Args:
        better: whether the model is, at each entry.
        seconds: of each entry, ahead of the start.
    """
    if not better.any():
        return None
    begin = int(better.argmax())
    after = ~better[begin:]
    last = begin + (int(after.argmax()) if after.any() else len(after)) - 1
    return [round(float(seconds[begin]), 3), round(float(seconds[last]), 3)]
