# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Beliefs beside a replay: a window begins with what the model believed before it.

Owns the stored beliefs, one for each tick of each lane, and how old each is in updates. They are a
cache: one that is missing, of another shape, or of a tick that was simulated again is unknown, and
its window begins with nothing. Must not import torch, ROS or a simulator.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.training.data.replay import Replay

NONE = -1  # in place of a tick: no belief is stored
# Half precision: beliefs lie in -1..1, and a context is wrong by far more than this rounding.
ARRAYS = {'belief': 'float16', 'belief_tick': 'int64', 'belief_update': 'int64'}


class StoredBeliefs:
    """The belief after each tick of a replay, where one is known.

    Args:
        replay: whose ticks they are of; they lie in its folder.
        belief_dim: numbers of a belief.
    """

    def __init__(self, replay: Replay, belief_dim: int) -> None:
        """Open what is stored, or begin with nothing."""
        self.replay = replay
        shape = (replay.lanes, replay.capacity)
        self.belief = self._open('belief', (*shape, belief_dim))  # [lanes, capacity, D]
        self.tick = self._open('belief_tick', shape)  # counted as the replay counts
        self.update = self._open('belief_update', shape)  # of the weights that made it
        # After a kill ticks are simulated again from the last save on: others, of the same number.
        self.tick[self.tick >= replay.written] = NONE
        self._lanes: np.ndarray = np.zeros(0, np.int64)
        self._starts: np.ndarray = np.zeros(0, np.int64)
        self.share = self.age = 0.0  # of the last sample: with a context; its mean age in updates

    def _open(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        path, dtype = self.replay.folder / f'{name}.npy', ARRAYS[name]
        if path.is_file():
            try:
                found = np.lib.format.open_memmap(path, 'r+')
                if found.shape == shape and found.dtype == dtype:
                    return found
            except (ValueError, OSError):
                pass  # torn or foreign: a cache begins again
        made = np.lib.format.open_memmap(path, 'w+', dtype, shape)
        if name == 'belief_tick':
            made[:] = NONE
        return made

    def add(self, beliefs: np.ndarray, update: int) -> None:
        """Store the beliefs [lanes, D] after the newest tick of every lane."""
        tick = self.replay.written - 1
        self._put(np.arange(self.replay.lanes), np.full(self.replay.lanes, tick), beliefs, update)

    def sample(
        self, rng: np.random.Generator, batch: int, length: int, update: int
    ) -> dict[str, np.ndarray]:
        """Return windows [batch, length, ...] with ``context`` [batch, D].

        The first tick of a window counts as first where its context is unknown or an episode
        begins, and its context is zero then. ``update`` is what the age is counted to.
        """
        lanes, starts = self.replay.places(rng, batch, length)
        self._lanes, self._starts = lanes, starts
        rows = self.replay.windows(lanes, starts, length)
        at: np.ndarray = (starts - 1) % self.replay.capacity
        context = self.belief[lanes, at].astype(np.float32)
        known = (self.tick[lanes, at] == starts - 1) & np.isfinite(context).all(-1)
        known &= ~rows['is_first'][:, 0]
        rows['context'] = np.where(known[:, None], context, np.float32(0.0))
        rows['is_first'][:, 0] |= ~known
        self.share = float(known.mean())
        ages = update - self.update[lanes, at][known]
        self.age = float(ages.mean()) if len(ages) else 0.0
        return rows

    def refresh(self, beliefs: np.ndarray, use: np.ndarray, update: int) -> None:
        """Store the beliefs [batch, length, D] of the last sample, where ``use`` [batch, length].

        A replay that moved on meanwhile keeps what it has: their ticks are gone.
        """
        ticks = self._starts[:, None] + np.arange(beliefs.shape[1])
        lanes = np.broadcast_to(self._lanes[:, None], ticks.shape)
        use = use & (ticks >= self.replay.oldest)
        self._put(lanes[use], ticks[use], beliefs[use], update)

    def figures(self) -> dict[str, float]:
        """Return how many of the last windows had a context, and its age in updates."""
        return {'replay/context_share': self.share, 'replay/context_age': self.age}

    def _put(self, lanes: np.ndarray, ticks: np.ndarray, beliefs: np.ndarray, update: int) -> None:
        at: np.ndarray = ticks % self.replay.capacity
        self.belief[lanes, at] = beliefs
        self.tick[lanes, at] = ticks
        self.update[lanes, at] = update
