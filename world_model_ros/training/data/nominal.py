# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nominal experience: lives in the trainer's own simulator, where it has one for this contract.

Keeps what is learned from a robot from overwriting what was known of the nominal body. Needs
`robots` and mujoco, and says in one line why there is none without them. Ends at a cap of ticks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.families.protocol import FamilyModel
from world_model_ros.training.core.disk import Free, check_room, free_bytes
from world_model_ros.training.data.replay import Replay, tick_spec

LANES = 2
EPISODE_TICKS = 125  # as in training in simulation: more beginnings for the same ticks


class Nominal:
    """A few lanes of the nominal robot and their own replay of ``cap`` ticks.

    ``say`` receives an event when the disk keeps it from simulating.
    """

    def __init__(
        self,
        contract: Contract,
        folder: Path,
        cap: int,
        seed: int,
        say: Callable[..., None] = lambda event, **fields: None,
        free: Free = free_bytes,
    ) -> None:
        # Here, not above: a trainer works where neither robots nor mujoco can be imported.
        from world_model_ros.training.core.collect import Lanes

        self.replay = Replay(Path(folder), contract, LANES, -(-cap // LANES))
        self.say, self.free = say, free
        self._stopped = False
        seed += 1000 * self.replay.written  # a resumed run meets new episodes
        self.lanes = Lanes(contract, LANES, seed, EPISODE_TICKS)

    @property
    def full(self) -> bool:
        """Tell whether the cap is reached; it lives no more then."""
        return self.replay.written >= self.replay.capacity

    def may_live(self) -> bool:
        """Tell whether there is a tick to live and room for it; the first lack of room is said.

        Asked at every tick: that takes microseconds, and others write to the same disk.
        """
        if self.full:
            return False
        try:
            check_room(self.replay.folder, 0, self.free)
        except OSError as error:
            if not self._stopped:
                self.say('not_lived', reason=str(error))
            self._stopped = True
            return False
        self._stopped = False
        return True

    def live(self, model: FamilyModel | None) -> None:
        """Live one tick in every lane, exploring; without a model at random."""
        self.replay.add(self.lanes.ticks())
        self.lanes.act(model)

    def sample(self, rng: np.random.Generator, batch: int, length: int) -> dict[str, np.ndarray]:
        """Return windows [batch, length, ...]."""
        return self.replay.sample(rng, batch, length)


def open_nominal(
    contract: Contract,
    folder: Path,
    cap: int,
    seed: int,
    say: Callable[..., None] = lambda event, **fields: None,
) -> tuple[Nominal | None, str]:
    """Return a simulator for this contract, or None and why there is none."""
    if cap <= 0:
        return None, 'switched off'
    ticks = tick_spec(contract).values()
    need = cap * sum(np.dtype(kind).itemsize * math.prod(shape) for shape, kind in ticks)
    if not folder.exists():
        try:
            check_room(folder.parent, need)
        except OSError as error:
            return None, str(error)
    try:
        return Nominal(contract, folder, cap, seed, say), ''
    except ImportError as error:
        return None, f'no simulator here: {error}'
    except (ValueError, RuntimeError) as error:  # BodyError, EnvError: not a robot we can simulate
        reason = str(error).partition('. ')[0]  # its remedy is to learn from recordings
        return None, f'it learns from recordings alone: {reason}'
