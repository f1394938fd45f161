# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When a trainer aligns weights from elsewhere, and with which ticks.

Works on the weights it began with, a short step at a time; the learner has the old ones or the
aligned ones, and a trainer killed in between begins the alignment again. Must not import ROS or a
simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import Enum

import numpy as np

from world_model_ros.families.protocol import Aligns, AlignSettings, Batch, Draw, FamilyModel
from world_model_ros.training.core.trainer_state import TrainerState
from world_model_ros.training.data.nominal import Nominal
from world_model_ros.training.data.replay import Replay
from world_model_ros.training.data.windows import as_batch, draw_from

LEAST_NOMINAL = 2_000  # ticks before nominal pictures count: fewer show too few poses
OLD_SHARE = 0.25  # of a second alignment's windows: ticks from before the first


class Aligned(Enum):
    """How far a step of an alignment got."""

    PART = 'part'
    SAVED = 'saved'  # the last one: the learner has the aligned weights
    LOST = 'lost'  # the weights to begin with are gone: no second alignment


class Aligner:
    """Aligns the weights that ``state`` began with to what the robot recorded, twice.

    Before anything is learned, with the ticks of a robot that could not do much yet, and once more
    when ticks with the result are recorded: they show how good it is.

    Args:
        state: has the weights.
        robot: what the robot recorded.
        nominal: what the trainer's own simulator recorded, if there is one.
        rng: draws windows.
        settings: True: those of the family; False, or a family that cannot align: never.
    """

    def __init__(
        self,
        state: TrainerState,
        robot: Replay,
        nominal: Nominal | None,
        rng: np.random.Generator,
        settings: AlignSettings | bool,
    ) -> None:
        self.state, self.robot, self.nominal = state, robot, nominal
        self.rng = rng
        self._family = state.family if isinstance(state.family, Aligns) else None
        self.config: AlignSettings | None = None
        if self._family is not None and settings is not False:
            self.config = self._family.align_settings() if settings is True else settings
        self._model: FamilyModel | None = None
        self._steps: Generator[str, None, bool] | None = None
        self._understood: bool | None = None

    @property
    def comes_first(self) -> bool:
        """Tell whether nothing should be learned before the weights are aligned."""
        return self.state.unaligned and self.config is not None

    @property
    def due(self) -> bool:
        """Tell whether there is a step to take; there is none where too few ticks are recorded."""
        if self.config is None:
            return False
        if self._steps is not None:  # also where only saving it is left
            return True
        if not (self.state.unaligned or self.state.align_again):
            return False
        # A replay that never holds so many must not wait for them.
        if self.state.unaligned:
            return self.robot.held >= min(self.config.ticks, self.robot.capacity)
        return self._new_ticks >= min(self.config.again_ticks, self.robot.capacity)

    @property
    def _new_ticks(self) -> int:
        """Ticks of the robot since the first alignment."""
        return self.robot.written - self.state.aligned_at

    def step(self, say: Callable[..., None]) -> tuple[Aligned, str]:
        """Take a short step; how far it got, and what it did in words.

        Raises:
            OSError, SafetensorError: what was aligned could not be written; the next step tries
                again.
        """
        assert self.config is not None and self._family is not None
        if self._steps is None:
            self._model = self.state.origin()
            if self._model is None:  # which was said; what was aligned once stays
                self.state.align_again = False
                return Aligned.LOST, 'going on without a second alignment'
            self._steps = self._family.align(
                self._model, self._recorded(), self._known, self.config, say
            )
        if self._understood is None:
            try:
                return Aligned.PART, next(self._steps)
            except StopIteration as end:
                self._understood = bool(end.value)
        if self._model is not None:  # once: asked again it would be the second alignment
            self.state.aligned(self._model, self._understood, self.robot.written)
            self._model = None
        self.state.save()
        self._steps = self._understood = None
        return Aligned.SAVED, 'saving what was aligned'

    def _recorded(self) -> Draw:
        """Return what draws windows of the robot; newest ones where it was aligned before."""
        whole = draw_from(self.robot, self.rng)
        if self.state.unaligned:
            return whole

        def draw(windows: int, length: int) -> Batch:
            old = int(self.rng.binomial(windows, OLD_SHARE))
            new = self.robot.sample(self.rng, windows - old, length, newest=self._new_ticks)
            parts = [new] if old == 0 else [new, self.robot.sample(self.rng, old, length)]
            return as_batch(parts)

        return draw

    def _known(self, pictures: int) -> Batch | None:
        if self.nominal is None or len(self.nominal.replay) < LEAST_NOMINAL:
            return None
        return draw_from(self.nominal.replay, self.rng)(pictures, 1)
