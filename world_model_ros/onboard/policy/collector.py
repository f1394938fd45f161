# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Acts without a model: a motion inside the contract's limits, so that there is data.

Efforts and velocities get coloured noise around zero; positions wander smoothly around a home
position, or around where the robot is. Stands where a Brain stands: same steps, same decisions, no
belief. Gentle by default. Must not import ROS, torch or a bundle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.kinds import stream_kind
from world_model_ros.onboard.policy.brain import Decision
from world_model_ros.onboard.policy.noise import ColouredNoise
from world_model_ros.onboard.policy.wander import REACH, SPEED_SHARE, Wander
from world_model_ros.onboard.tick.observation import Observation

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
        reach: float = REACH,
        speed_share: float = SPEED_SHARE,
    ) -> None:
        """Take how far to go.

        Args:
            contract: of the robot.
            amplitude: effort and velocity: largest deflection, a share of half the range.
            correlation_s: effort and velocity: how long the noise remembers itself.
            reach: positions: furthest from the home position or the start, in rad or m.
            speed_share: positions: speed, a share of the rate limit.

        Raises:
            ValueError: one of them is outside of its range.
        """
        if not 0.0 < amplitude <= 1.0:
            raise ValueError(
                f'explore_amplitude is {amplitude}: expected above 0 and at most 1, a share of '
                'half the action range'
            )
        if not 0.0 <= correlation_s < math.inf:
            raise ValueError(f'explore_correlation is {correlation_s}: expected seconds from 0 on')
        action = contract.action
        self._low, self._high = contract.limit_low, contract.limit_high
        self._reach = amplitude * (self._high - self._low) / 2.0
        # As many as the guard can use of them when this process hangs.
        self._rows = 1 + math.ceil(contract.command_timeout_s / contract.period_s)
        self._noise = ColouredNoise(self._low.size, correlation_s, contract.period_s)
        self._wanders = np.asarray(action.positions)  # [A]
        self._wander = Wander(contract, reach, speed_share) if any(action.positions) else None
        self._names = action.names
        self._tolerance = np.asarray(action.hold_tolerance)  # [A]
        self._home = np.asarray(action.home)  # [A], NaN: where the robot starts
        self._streams = tuple((s, stream_kind(s.kind)) for s in contract.sensed)
        self._start: np.ndarray | None = None  # [A], where the wander began
        # [A], what it wanders around: the home position, or where it began first. Each beginning
        # around where the last one ended would carry the robot away, step by step.
        self._centre = self._home
        self._far = reach + self._tolerance  # from the centre: somebody else moved it there
        self._belief: np.ndarray = np.zeros((1, 0), np.float32)

    def reset(self, key: int) -> None:
        """Begin an episode; `key` is its noise key."""
        self.rekey(key)
        self._start = None
        self.drop_plan()

    def rekey(self, key: int) -> None:
        """Draw another episode's numbers."""
        self._noise.reset(key)
        if self._wander is not None:
            self._wander.rekey(key)

    def drop_plan(self) -> None:
        """Somebody else moved the robot: begin again from where it is."""
        if self._wander is not None:
            self._wander.restart()

    def keep_within(self, low: np.ndarray, high: np.ndarray) -> None:
        """Explore inside these limits [A] from the next tick on."""
        self._low, self._high = low, high

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
        if self._wander is None:
            wanted = self._deflections(tick)
        else:
            wanted = self._positions(self._wander, observation, action_sent, is_first, tick)
            if not self._wanders.all():
                wanted = np.where(self._wanders, wanted, self._deflections(tick))
        chunk = np.clip(wanted, self._low, self._high)
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

    def _deflections(self, tick: int) -> np.ndarray:
        """Efforts or velocities [H, A] around zero."""
        rows: np.ndarray = self._reach * np.clip(self._noise.rows(tick, self._rows), -1.0, 1.0)
        return rows

    def _positions(
        self,
        wander: Wander,
        observation: Observation,
        action_sent: np.ndarray,
        is_first: bool,
        tick: int,
    ) -> np.ndarray:
        """Positions [H, A] on the way to the centre, and then around there."""
        if is_first or not wander.begun or self._start is None:
            wander.begin(tick)
            self._start = self._here(observation, action_sent)
            near = np.abs(self._start - self._centre) <= self._far  # false where it is not known
            if not near[np.isnan(self._home)].all():
                self._centre = np.where(np.isnan(self._home), self._start, self._home)
        wait_s = wander.way_s(self._start, self._centre)
        way = wander.way(self._start, self._centre, tick, self._rows)
        return way + wander.rows(tick, self._rows, wait_s)

    def _here(self, observation: Observation, action_sent: np.ndarray) -> np.ndarray:
        """Where the robot rests [A]: what was sent last, unless it is measured elsewhere.

        A joint that sags is a little below its command; a start at the measured position would
        sink with each beginning.
        """
        at: dict[str, float] = {}
        for stream, kind in self._streams:
            array = observation.arrays.get(stream.name)
            if array is not None:
                at.update(kind.positions(stream, array))
        sent = np.asarray(action_sent, np.float64)
        named = zip(self._names, self._wanders, strict=True)
        if all(name in at for name, takes_position in named if takes_position):
            here = np.array([at.get(name, 0.0) for name in self._names], np.float64)
            sent = np.where(np.abs(here - sent) <= self._tolerance, sent, here)
        return np.where(self._wanders, sent, 0.0)  # what takes no position needs no way
