# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Random numbers by address: key = episode, counter = tick and iteration.

The numbers of a tick do not depend on how many were drawn before, so a tick can be replayed from
its record (Salmon 2011, Philox). Must not import ROS, torch or a bundle.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

# Iteration numbers from here on are not the planner's: exploration draws its own numbers.
EXPLORE_ITERATION = 1 << 16


def noise_key(episode_uuid: str) -> int:
    """The 64-bit key of an episode."""
    digest = hashlib.blake2b(episode_uuid.encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'little')


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
