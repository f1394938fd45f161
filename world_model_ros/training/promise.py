# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a value that came with its weights holds what it promises on the robot they now meet.

A value learned elsewhere is its own teacher: bootstrapped, an optimism of hundreds of ticks takes
thousands of updates to fade, and until then the policy climbs a hill that is not there. Read off
the recordings before the first update, it can be forgotten instead. Must not import ROS or a
simulator.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch

from world_model_ros.models.protocol import WorldModel
from world_model_ros.training.learner import Learner
from world_model_ros.training.open_loop import believe, discounted
from world_model_ros.training.pieces import Rows

BROKEN_SHARE = 0.5  # of what was promised, missing from what was earned


@dataclass(frozen=True)
class Promise:
    """Discounted rewards up to the end of each piece of recording, mean over its ticks."""

    promised: float  # value now, less what it says is left at the end
    earned: float

    def as_dict(self) -> dict[str, float | bool]:
        """Return it for JSON."""
        numbers = {key: round(value, 3) for key, value in asdict(self).items()}
        return {**numbers, 'broken': self.broken}

    @property
    def broken(self) -> bool:
        """Tell whether more than half of it did not come; to have promised too little is none."""
        return self.promised - self.earned > BROKEN_SHARE * abs(self.promised)


@torch.no_grad()
def promise_of(model: WorldModel, episodes: list[Rows], discount: float) -> Promise | None:
    """Compare a model's value with what was earned; None where no reward is known.

    Args:
        model: whose value it is.
        episodes: learnable rows [T, ...].
        discount: per tick.
    """
    promised, earned = [], []
    for piece in believe(model, episodes):
        reward, terminal = piece.rows['reward'], piece.rows['terminal']
        value = model.value(piece.beliefs).numpy().astype(np.float64)
        known = np.isfinite(reward[1:])
        came = discounted(reward, terminal, np.zeros_like(value), discount)
        left = discounted(np.where(np.isfinite(reward), 0.0, reward), terminal, value, discount)
        promised.append((value - left)[:-1][known])
        earned.append(came[:-1][known])
    if not promised or not sum(len(part) for part in promised):
        return None
    return Promise(float(np.concatenate(promised).mean()), float(np.concatenate(earned).mean()))


def prove(learner: Learner, episodes: list[Rows]) -> Promise | None:
    """Forget the learner's value if its promise is broken; None where nothing could be judged."""
    promise = promise_of(learner.model, episodes, learner.discount)
    if promise is not None and promise.broken:
        learner.forget_value()
    return promise
