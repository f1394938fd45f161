# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The action of an interval where no command was recorded: what the joints show at its end.

Owns which kinds of command can be read off joints, and how. Must not import ROS or torch.
"""

from __future__ import annotations

import math

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import command_kind, stream_kind
from world_model_ros.experience.read.importers.arrived import ImportRefused
from world_model_ros.onboard.tick.observation import Observation

_NS = 1e-9


class MeasuredAction:
    """Actions of one episode, tick by tick.

    A position that was reached stands for the position that was commanded; a velocity is the
    difference of two positions over the time between them; a position_delta is the difference.

    Raises:
        ImportRefused: the contract's commands, or its streams, do not allow it.
    """

    def __init__(self, contract: Contract, why: str) -> None:
        self._names = contract.action.names
        self._streams = contract.joint_streams
        self._turning = {joint for stream in self._streams for joint in stream.wrap}
        self._kinds = np.array([_kind_of(kind, why) for kind in contract.action.kinds])
        measured = {joint for s in self._streams if 'position' in s.fields for joint in s.names}
        missing = [name for name in self._names if name not in measured]
        if missing:
            raise ImportRefused(
                f'{why}, and no stream measures the position of {", ".join(missing)}: actions '
                'cannot be taken from measurements; add these joints to a stream of the contract '
                'with the field position, or name the topic of the commands in the map'
            )
        self.clear()

    def clear(self) -> None:
        """Begin an episode."""
        self._before: tuple[int, np.ndarray] | None = None

    def over(self, observation: Observation) -> np.ndarray:
        """What was done up to this tick, float32 [A]; NaN where it cannot be known."""
        at: dict[str, float] = {}
        for stream in self._streams:
            array = observation.arrays.get(stream.name)
            if array is not None and observation.samples[stream.name].valid:
                at.update(stream_kind(stream.kind).positions(stream, array))
        now = np.array([at.get(name, math.nan) for name in self._names], np.float64)
        before, self._before = self._before, (observation.t_ns, now)
        change = np.zeros(len(now)) if before is None else now - before[1]
        turns = [i for i, name in enumerate(self._names) if name in self._turning]
        change[turns] = (change[turns] + np.pi) % (2 * np.pi) - np.pi  # the short way round
        passed_s = 1.0 if before is None else (observation.t_ns - before[0]) * _NS
        done = np.where(self._kinds == 'velocity', change / passed_s, change)
        return np.where(self._kinds == 'position', now, done).astype(np.float32)


def _kind_of(name: str, why: str) -> str:
    kind = command_kind(name)
    if kind.positions:
        return 'position'
    if kind.name in ('velocity', 'position_delta'):
        return kind.name
    raise ImportRefused(
        f'{why}: an action of kind {kind.name} cannot be taken from measured positions; only '
        'position, velocity and position_delta can. Record the commands, or name their topic in '
        'the map'
    )
