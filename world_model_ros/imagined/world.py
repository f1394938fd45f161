# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle's imagination as a world: an action in, what would be seen out.

Owns the imagined belief and what is read from it. Input and output: numpy, SI units, one step per
control period. Deterministic: the same start and the same actions give the same world. Must not
import ROS or torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from world_model_ros.bundle import Bundle
from world_model_ros.imagined.known import Known
from world_model_ros.imagined.recorded_beliefs import Recorded
from world_model_ros.onboard.policy.capabilities import Graphs, Outcomes


@dataclass(frozen=True)
class Start:
    """Where an imagined world begins: the belief after a stretch of a recorded episode."""

    belief: np.ndarray  # float32 [1, B]
    observation: Mapping[str, np.ndarray]  # recorded at this tick: stream -> array
    episode: str  # uuid
    robot_id: str  # that recorded it
    tick: int

    @classmethod
    def at(cls, recorded: Recorded, row: int, bundle: Bundle) -> Start:
        """The start at a row of a recorded episode."""
        names = [stream.name for stream in bundle.contract.streams]
        return cls(
            recorded.beliefs[row : row + 1].copy(),
            {name: recorded.arrays[f'obs_{name}'][row].copy() for name in names},
            recorded.uuid,
            recorded.robot_id,
            int(recorded.arrays['tick'][row]),
        )


class Stepped(NamedTuple):
    """What one imagined control period gave."""

    reward: float  # of the period; NaN where the bundle predicts none
    continuation: float  # probability that the task goes on; NaN where it predicts none


class ImaginedWorld:
    """One imagined world; `lacks` says in words what the bundle cannot give it."""

    def __init__(self, bundle: Bundle, start: Start, known: Known | None = None) -> None:
        """Begin at `start`; with `known` it tells how far it is from what was recorded."""
        self.bundle, self.start, self.known = bundle, start, known
        self.contract = bundle.contract
        self._graphs = Graphs(bundle)
        self._names = [stream.name for stream in self.contract.streams]
        self._low, self._high = self.contract.low, self.contract.high
        self.decodes = 'decode' in bundle.capabilities
        # Format 1 judges only what it observed last: its own picture is shown to it.
        self._judged = bundle.manifest['format'] == 1
        self.rewards = self._graphs.has_outcomes and (self.decodes or not self._judged)
        self._ages: np.ndarray = np.zeros(len(self.contract.streams), np.float32)
        self.reset()

    @property
    def lacks(self) -> tuple[str, ...]:
        """What is left out, and why."""
        found = []
        if not self.decodes:
            found.append('no pictures and no joints: the bundle has no decode')
        if not self.rewards:
            found.append('no rewards and no end of the task: the bundle has no outcomes')
        return tuple(found)

    def reset(self) -> None:
        """Begin again at the start."""
        self.belief = self.start.belief  # [1, B], never written to in place
        self.steps = 0
        self.failure = ''  # which graph gave NaN or infinity; the world then stands still
        self._observation: Mapping[str, np.ndarray] | None = None
        self._last: Mapping[str, np.ndarray] = self.start.observation
        self._distance: float | None = None

    def step(self, action: np.ndarray) -> Stepped:
        """Live one control period under an action [A], SI units, clipped to the contract's box."""
        if self.failure:
            return Stepped(math.nan, math.nan)
        taken = np.clip(np.nan_to_num(action), self._low, self._high).astype(np.float32)
        before, belief = self.belief, self._graphs.imagine(self.belief, taken)
        if not np.isfinite(belief).all():
            self.failure = 'imagine'
            return Stepped(math.nan, math.nan)
        if self._observation is not None:
            self._last = self._observation
        self.belief, self._observation, self._distance = belief, None, None
        self.steps += 1
        found = self._outcomes(before, taken, belief)
        if self.rewards and not (
            math.isfinite(found.reward) and math.isfinite(found.continuation)
        ):
            self.failure = 'outcomes'
        return Stepped(found.reward, found.continuation)

    def _outcomes(self, before: np.ndarray, action: np.ndarray, belief: np.ndarray) -> Outcomes:
        if not self.rewards:
            return Outcomes(math.nan, math.nan)
        if self._judged:
            belief = self._graphs.observe(
                before, action, False, self.observation, self._ages
            ).belief
        return self._graphs.outcomes(before, action, belief)

    @property
    def observation(self) -> Mapping[str, np.ndarray]:
        """What would be seen now, stream -> uint8 [h, w, 3] or float32 [n]; recorded at the start.

        Without `decode` what was recorded at the start stays.
        """
        if self._observation is None:
            self._observation = self._decoded()
        return self._observation

    def _decoded(self) -> Mapping[str, np.ndarray]:
        if not self.decodes or not self.steps:
            return self.start.observation
        found = dict(zip(self._names, self._graphs.decode(self.belief, self._names), strict=True))
        if all(np.isfinite(array).all() for array in found.values()):
            return found
        self.failure = self.failure or 'decode'
        return self._last

    @property
    def distance(self) -> float:
        """Of the belief to the nearest recorded one; NaN where none are known."""
        if self.known is None:
            return math.nan
        if self._distance is None:
            self._distance = self.known.distance(self.belief)
        return self._distance

    @property
    def fade(self) -> float:
        """0: known from recordings; 1: nothing is known any more; NaN: nobody can tell."""
        return math.nan if self.known is None else self.known.fade(self.distance)
