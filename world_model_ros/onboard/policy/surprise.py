# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a model still understands its robot: its surprise against what held-out data had.

A bundle may say which surprise is out of the ordinary (`surprise` in its manifest): a mean over
some ticks, since single ones surprise now and then. A bundle that does not say has no limit. What
follows from too much of it is the contract's word, `control.on_surprise`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

Reaction = Literal['none', 'slow', 'hold', 'hand_over']
SLOW_SHARE = 0.5  # of the speed that was decided


class SurpriseWatch:
    """The mean surprise of the last ticks of an episode."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=1)
        self.limit = math.inf
        self.surprised_ticks = 0  # ticks above the limit, since the start

    @property
    def mean(self) -> float:
        """Over as many ticks as the bundle says; NaN until there are so many."""
        recent = self._recent
        return math.fsum(recent) / len(recent) if len(recent) == recent.maxlen else math.nan

    def see(self, first: bool, known: Mapping[str, Any] | None, surprise: float) -> bool:
        """Whether this tick is above the limit.

        Args:
            first: an episode begins. Its first tick counts for nothing: it has no prediction.
            known: what the bundle's manifest says of surprise, None: nothing.
            surprise: of this tick; NaN where nothing was observed.
        """
        ticks, self.limit = (1, math.inf) if known is None else (known['ticks'], known['limit'])
        if first or self._recent.maxlen != ticks:
            self._recent = deque(maxlen=ticks)
        if not first and math.isfinite(surprise):
            self._recent.append(surprise)
        above = self.mean > self.limit  # not where it is NaN
        self.surprised_ticks += above
        return above


def slowed(chunk: np.ndarray, before: np.ndarray, positions: bool | np.ndarray) -> np.ndarray:
    """A chunk [H, A] at SLOW_SHARE of its speed; `before` [A] is the command before it."""
    start = np.where(positions, before, 0.0)
    out: np.ndarray = (start + SLOW_SHARE * (chunk - start)).astype(np.float32)
    return out
