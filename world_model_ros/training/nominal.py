# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nominal experience: lives in the trainer's own simulator, where it has one for this contract.

Keeps what is learned from a robot from overwriting what was known of the nominal body. Needs
`robots` and mujoco, and says in one line why there is none without them. Ends at a cap of ticks.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.models.dreamer import Dreamer
from world_model_ros.training.ingest import SPARE_BYTES
from world_model_ros.training.replay import Replay, tick_spec

LANES = 2
EPISODE_TICKS = 125  # as in training in simulation: more beginnings for the same ticks


class Nominal:
    """A few lanes of the nominal robot and their own replay of ``cap`` ticks."""

    def __init__(self, contract: Contract, folder: Path, cap: int, seed: int) -> None:
        # Here, not above: a trainer works where neither robots nor mujoco can be imported.
        from world_model_ros.training.collect import Lanes

        self.replay = Replay(Path(folder), contract, LANES, -(-cap // LANES))
        seed += 1000 * self.replay.written  # a resumed run meets new episodes
        self.lanes = Lanes(contract, LANES, seed, EPISODE_TICKS)

    @property
    def full(self) -> bool:
        """Tell whether the cap is reached; it lives no more then."""
        return self.replay.written >= self.replay.capacity

    def live(self, model: Dreamer | None) -> None:
        """Live one tick in every lane, exploring; without a model at random."""
        self.replay.add(self.lanes.ticks())
        self.lanes.act(model)

    def sample(self, rng: np.random.Generator, batch: int, length: int) -> dict[str, np.ndarray]:
        """Return windows [batch, length, ...]."""
        return self.replay.sample(rng, batch, length)


def open_nominal(
    contract: Contract, folder: Path, cap: int, seed: int
) -> tuple[Nominal | None, str]:
    """Return a simulator for this contract, or None and why there is none."""
    if cap <= 0:
        return None, 'switched off'
    ticks = tick_spec(contract).values()
    need = cap * sum(np.dtype(kind).itemsize * math.prod(shape) for shape, kind in ticks)
    free = shutil.disk_usage(folder.parent).free
    if free < need + SPARE_BYTES and not folder.exists():
        return None, f'{folder}: {free >> 20} MiB free, {(need + SPARE_BYTES) >> 20} MiB needed'
    try:
        return Nominal(contract, folder, cap, seed), ''
    except ImportError as error:
        return None, f'no simulator here: {error}'
    except (ValueError, RuntimeError) as error:  # BodyError, EnvError: not a robot we can simulate
        return None, f'no simulated body serves contract {contract.name!r}: {error}'
