# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far a belief is from all that were recorded: whether the imagined world is still known.

Surprise has no meaning without a real observation. The measure here is the distance of the belief
to its nearest neighbour among beliefs of recorded ticks. Held-out ticks decide what is far:
beliefs imagined one tick ahead, and their distance to what was recorded elsewhere. Must not import
ROS or torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from world_model_ros.bundle import Bundle
from world_model_ros.imagined.recorded_beliefs import Recorded
from world_model_ros.onboard.policy.capabilities import Graphs

MOST_BELIEFS = 2_000  # kept; a distance to 2,000 beliefs of 1,000 numbers takes 1 ms
# Neighbouring ticks resemble each other: a held-out tick is compared with those of other episodes
# and with those of its own that are at least so far away.
APART_SEC = 0.2
SHARE = 0.99  # of held-out ticks are nearer than the limit
LEAST_TICKS = 50  # held-out ones, before anything is called far
MOST_HELD_OUT = 400  # a few seconds at start
FADED = 2.0  # limits away: nothing is known any more
# Of a number of the belief, as a share of the widest. Numbers that hardly ever move would decide
# alone otherwise: on cartpole the limit was then 20 times the distance of an ordinary tick.
MIN_SPREAD = 0.1


class Known:
    """Beliefs of recorded ticks; `limit` is NaN where there are too few to tell."""

    def __init__(self, recorded: Sequence[Recorded], bundle: Bundle) -> None:
        """Take the beliefs of these episodes, evenly thinned to MOST_BELIEFS.

        Raises:
            ValueError: there is not one belief.
        """
        rows = [
            (e, k)
            for e, episode in enumerate(recorded)
            for k in np.flatnonzero(np.isfinite(episode.beliefs).all(-1)).tolist()
        ]
        if not rows:
            raise ValueError('no recorded tick with a belief')
        rows = _thinned(rows, MOST_BELIEFS)
        beliefs = np.stack([recorded[e].beliefs[k] for e, k in rows])  # [N, B]
        spread = beliefs.std(0)
        widest = float(spread.max())
        spread = np.maximum(spread, MIN_SPREAD * widest if widest > 0.0 else 1.0)
        # A distance is a root mean square over the numbers of a belief, each in its own spread.
        self._scale = (1.0 / (spread * math.sqrt(beliefs.shape[1]))).astype(np.float32)  # [B]
        self._points = np.ascontiguousarray(beliefs * self._scale, np.float32)  # [N, B]
        self._squares = np.square(self._points).sum(-1)  # [N]
        self.count = len(rows)
        self.limit = self._held_out_limit(recorded, rows, bundle)

    def distance(self, belief: np.ndarray) -> float:
        """To the nearest recorded belief; 1 is one spread in every number of the belief [1, B]."""
        return float(self._distances(belief).min())

    def fade(self, distance: float) -> float:
        """0 within the limit, 1 at FADED limits and beyond; NaN where no limit is known."""
        if math.isnan(self.limit):
            return math.nan
        if self.limit <= 0.0:
            return float(distance > 0.0)
        return min(max((distance / self.limit - 1.0) / (FADED - 1.0), 0.0), 1.0)

    def _distances(self, belief: np.ndarray) -> np.ndarray:
        point = belief.reshape(-1) * self._scale
        squares = self._squares - 2.0 * (self._points @ point) + np.dot(point, point)
        found: np.ndarray = np.sqrt(np.maximum(squares, 0.0))
        return found

    def _held_out_limit(
        self, recorded: Sequence[Recorded], rows: list[tuple[int, int]], bundle: Bundle
    ) -> float:
        """The distance that SHARE of held-out ticks stay within."""
        graphs = Graphs(bundle)
        episodes = np.array([e for e, _ in rows])
        ticks = np.array([recorded[e].arrays['tick'][k] for e, k in rows])
        apart = max(1, round(APART_SEC / bundle.contract.period_s))
        found = []
        for e, k in _thinned(rows, MOST_HELD_OUT):
            arrays = recorded[e].arrays
            if k + 1 >= len(arrays['tick']) or arrays['is_first'][k + 1] or arrays['gap'][k + 1]:
                continue
            elsewhere = (episodes != e) | (np.abs(ticks - arrays['tick'][k + 1]) >= apart)
            if elsewhere.any():
                sent = arrays['action_sent'][k + 1]
                ahead = graphs.imagine(recorded[e].beliefs[k : k + 1], sent)
                found.append(float(self._distances(ahead)[elsewhere].min()))
        return float(np.quantile(found, SHARE)) if len(found) >= LEAST_TICKS else math.nan


def _thinned(rows: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    if len(rows) <= most:
        return rows
    return [rows[i] for i in np.linspace(0, len(rows) - 1, most).round().astype(int)]
