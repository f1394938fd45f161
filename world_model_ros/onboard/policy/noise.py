# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Random numbers by address: key = episode, counter = tick and iteration.

The numbers of a tick do not depend on how many were drawn before, so a tick can be replayed from
its record (Salmon 2011, Philox). Must not import ROS, torch or a bundle.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

# Iteration numbers from here on are not the planner's: exploration draws its own numbers.
EXPLORE_ITERATION = 1 << 16
# A longer gap than this leaves nothing of coloured noise to go on from.
_MAX_GAP_TICKS = 64


def noise_key(episode_uuid: str) -> int:
    """The 64-bit key of an episode."""
    digest = hashlib.blake2b(episode_uuid.encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'little')


def episode_level(key: int, least: float) -> float:
    """How wild an episode is, uniform in [least, 1], by its key alone.

    Some episodes show what the model does, others where it would not go (after Ape-X, Horgan
    2018, with its actors one after another).
    """
    return least + (1.0 - least) * (key % 2**32) / 2**32


class Noise:
    """Standard normal numbers for (key, tick, iteration)."""

    def __init__(self, key: int = 0) -> None:
        self._bits = np.random.Philox(key=[0, 0])
        self._generator = np.random.Generator(self._bits)
        self._counter: np.ndarray = np.zeros(4, np.uint64)
        self._key: np.ndarray = np.zeros(2, np.uint64)
        self._state: Any = {
            'bit_generator': 'Philox',
            'state': {'counter': self._counter, 'key': self._key},
            'buffer': np.zeros(4, np.uint64),
            'buffer_pos': 4,
            'has_uint32': 0,
            'uinteger': 0,
        }
        self.rekey(key)

    def rekey(self, key: int) -> None:
        """Begin the numbers of another episode."""
        self.key = key
        self._key[0] = key

    def normal(self, tick: int, iteration: int, out: np.ndarray) -> np.ndarray:
        """Fill `out` (float32) with the numbers of this tick and iteration."""
        # The two upper words are the address; the lower ones count the numbers drawn at it.
        self._counter[:] = (0, 0, iteration, tick)
        self._bits.state = self._state
        self._generator.standard_normal(dtype=np.float32, out=out)
        return out


class ColouredNoise:
    """Noise of variance 1 that remembers itself for a while: autoregressive, of order 1.

    White noise on a torque shakes a robot and moves it nowhere. Numbers are drawn by address, so
    an episode's noise follows from its key and the tick at which it began.
    """

    def __init__(self, size: int, correlation_s: float, period_s: float) -> None:
        """Take the number of actions, the correlation time (0: white) and the control period."""
        self._keep = math.exp(-period_s / correlation_s) if correlation_s > 0.0 else 0.0
        self._drive = math.sqrt(1.0 - self._keep**2)
        self._random = Noise()
        self._state: np.ndarray = np.zeros(size, np.float32)
        self._fresh: np.ndarray = np.zeros(size, np.float32)
        self._tick: int | None = None

    def reset(self, key: int) -> None:
        """Begin the noise of another episode."""
        self._random.rekey(key)
        self._tick = None

    def rows(self, tick: int, count: int) -> np.ndarray:
        """The noise of this tick and what is expected of the next ones: float32 [count, A]."""
        gap = 0 if self._tick is None else tick - self._tick
        if not 0 < gap <= _MAX_GAP_TICKS:
            self._random.normal(tick, EXPLORE_ITERATION, self._state)
        else:
            for index in range(tick - gap + 1, tick + 1):
                self._random.normal(index, EXPLORE_ITERATION, self._fresh)
                self._state *= self._keep
                self._state += self._drive * self._fresh
        self._tick = tick
        fading: np.ndarray = self._keep ** np.arange(count, dtype=np.float32)
        return np.asarray(fading[:, np.newaxis] * self._state, np.float32)
