# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Acts without a model: coloured noise inside the contract's limits, so that there is data.

Stands where a Brain stands: same steps, same decisions, no belief. Gentle unless told otherwise.
Must not import ROS, torch or a bundle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.onboard.assembly import Observation
from world_model_ros.onboard.brain import Decision
from world_model_ros.onboard.noise import ColouredNoise

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

AMPLITUDE = 0.3  # share of half the action range: enough to move, little to break
CORRELATION_S = 0.3


class Collector:
    """Explores around rest: around zero, or for held positions around where the robot is."""

    budget_s = 0.0
    failure = ''

    def __init__(
        self,
        contract: Contract,
        amplitude: float = AMPLITUDE,
        correlation_s: float = CORRELATION_S,
    ) -> None:
        """Take the largest deflection as a share of half the range, and how long it lasts.

        Raises:
            ValueError: amplitude outside (0, 1], or a negative correlation time.
        """
        if not 0.0 < amplitude <= 1.0:
            raise ValueError(
                f'explore_amplitude is {amplitude}: expected above 0 and at most 1, a share of '
                'half the action range'
            )
        if not 0.0 <= correlation_s < math.inf:
            raise ValueError(f'explore_correlation is {correlation_s}: expected seconds from 0 on')
        action = contract.action
        self._low = np.asarray(action.low, np.float32)
        self._high = np.asarray(action.high, np.float32)
        self._reach = amplitude * (self._high - self._low) / 2.0
        # As many as the guard can use of them when this process hangs.
        self._rows = 1 + math.ceil(contract.command_timeout_s / contract.period_s)
        self._noise = ColouredNoise(self._low.size, correlation_s, contract.period_s)
        self._measures = _position_columns(contract) if action.safe == 'hold' else None
        self._centre: np.ndarray | None = None
        self._belief: np.ndarray = np.zeros((1, 0), np.float32)

    def reset(self, key: int) -> None:
        """Begin an episode; `key` is its noise key."""
        self.rekey(key)
        self._centre = None

    def rekey(self, key: int) -> None:
        """Draw another episode's numbers."""
        self._noise.reset(key)

    def drop_plan(self) -> None:
        """Nothing: there is no plan."""

    def skip(self, action: np.ndarray) -> None:
        """Nothing: the noise of skipped ticks is made up for at the next one."""

    def burn_in(self, history: Iterable[Any]) -> None:
        """Nothing: there is no belief."""

    def step(
        self,
        observation: Observation,
        action_sent: np.ndarray,
        pending: np.ndarray,
        is_first: bool,
        tick: int,
        deadline_s: float | None = None,
    ) -> Decision:
        """Decide; the arguments are those of Brain.step."""
        if is_first or self._centre is None:
            self._centre = self._rest(observation, action_sent)
        noise = np.clip(self._noise.rows(tick, self._rows), -1.0, 1.0)
        chunk = np.clip(self._centre + self._reach * noise, self._low, self._high)
        return Decision(
            chunk.astype(np.float32),
            'explore',
            0,
            math.nan,
            math.nan,
            math.nan,
            self._belief,
            observation.valid,
        )

    def _rest(self, observation: Observation, action_sent: np.ndarray) -> np.ndarray:
        """Around what to explore [A]."""
        if self._measures is None:
            return np.zeros_like(self._low)
        stream, columns = self._measures
        if stream in observation.arrays:
            return np.asarray(observation.arrays[stream][columns], np.float32)
        return np.asarray(action_sent, np.float32)


def _position_columns(contract: Contract) -> tuple[str, list[int]] | None:
    """Where the measured positions of the action's joints are; None if they are not observed."""
    names = contract.action.names
    for stream in contract.streams:
        if stream.kind != 'joints' or 'position' not in stream.fields:
            continue
        if set(names) <= set(stream.names):
            start = stream.fields.index('position') * len(stream.names)
            return stream.name, [start + stream.names.index(name) for name in names]
    return None
