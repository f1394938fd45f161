# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When a trainer aligns weights from elsewhere, and with which ticks.

Works on a copy, a short step at a time; the learner has the old weights or the aligned ones, and
a trainer killed in between begins the alignment again. Must not import ROS or a simulator.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator

import numpy as np
import torch

from world_model_ros.models.dreamer import Dreamer
from world_model_ros.training.alignment import AlignConfig, align
from world_model_ros.training.filtering import Batch
from world_model_ros.training.nominal import Nominal
from world_model_ros.training.replay import Replay
from world_model_ros.training.shift_search import Draw
from world_model_ros.training.state import TrainerState

LEAST_NOMINAL = 2_000  # ticks before nominal pictures count: fewer show too few poses


class Aligner:
    """Aligns the weights of ``state`` to what the robot recorded, once; never without a config."""

    def __init__(
        self,
        state: TrainerState,
        robot: Replay,
        nominal: Nominal | None,
        rng: np.random.Generator,
        config: AlignConfig | None,
    ) -> None:
        self.state, self.robot, self.nominal = state, robot, nominal
        self.rng, self.config = rng, config
        self._model: Dreamer | None = None
        self._steps: Generator[str, None, bool] | None = None
        self._understood: bool | None = None

    @property
    def due(self) -> bool:
        """Tell whether nothing should be learned before the weights are aligned."""
        return self.state.unaligned and self.config is not None

    @property
    def waits(self) -> bool:
        """Tell whether the robot has lived too little to begin."""
        if not self.due or self.config is None or self._steps is not None:
            return False
        # A replay that never holds so many must not wait for them.
        return self.robot.held < min(self.config.ticks, self.robot.capacity)

    def step(self, say: Callable[..., None]) -> str | None:
        """Take a short step and return what it did; None while the robot has lived too little.

        Raises:
            OSError: what was aligned could not be written; the next step tries again.
        """
        assert self.config is not None
        if self._steps is None or self._model is None:
            if self.waits:
                return None
            self._model = copy.deepcopy(self.state.learner.model)
            recorded = draw_from(self.robot, self.rng)
            self._steps = align(self._model, recorded, self._known, self.config, say)
        if self._understood is None:
            try:
                return next(self._steps)
            except StopIteration as end:
                self._understood = bool(end.value)
        self.state.aligned(self._model, hold=self._understood)
        self._steps = self._model = self._understood = None
        return 'saving what was aligned'

    def _known(self, pictures: int) -> Batch | None:
        if self.nominal is None or len(self.nominal.replay) < LEAST_NOMINAL:
            return None
        return draw_from(self.nominal.replay, self.rng)(pictures, 1)


def draw_from(replay: Replay, rng: np.random.Generator) -> Draw:
    """Return what draws windows from a replay as tensors."""

    def draw(windows: int, length: int) -> Batch:
        rows = replay.sample(rng, windows, length)
        return {key: torch.from_numpy(np.ascontiguousarray(rows[key])) for key in rows}

    return draw
