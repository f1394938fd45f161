# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent's worker does or waits for: a phase for programs, a text for people.

Programs compare the phase; nothing reads the text. The phase's value is in the diagnostics of the
agent (`phase`). Holds no ROS entity.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """One of these at a time."""

    STARTING = 'starting'
    WAITING_FOR_CLOCK = 'waiting_for_clock'
    HELD = 'held'  # a person must start the next episode
    WAITING_FOR_RESET = 'waiting_for_reset'
    WAITING_FOR_INPUTS = 'waiting_for_inputs'  # an episode has begun and has no tick yet
    RUNNING = 'running'
    NO_MODEL = 'no_model'  # it gives what is not finite, or does not compute
    NO_GUARD = 'no_guard'  # the guard cannot be relied on
    NO_INPUT = 'no_input'  # a stream gives nothing usable
    SURPRISED = 'surprised'  # the model does not predict what is seen


_TEXTS = {
    Phase.STARTING: 'starting',
    Phase.WAITING_FOR_CLOCK: 'waiting for /clock',
    Phase.HELD: (
        'held: nothing moves until an episode is started: ros2 service call agent/start_episode '
        'std_srvs/srv/Trigger (in the namespace of the agent)'
    ),
    Phase.WAITING_FOR_RESET: 'waiting for reset',
    Phase.WAITING_FOR_INPUTS: 'waiting for inputs',
    Phase.RUNNING: 'running',
    Phase.NO_MODEL: 'no usable model: {detail}',
    Phase.NO_GUARD: 'no guard: {detail}',
    Phase.NO_INPUT: 'no usable {detail}',
    Phase.SURPRISED: 'the model is surprised: {detail}',
}


@dataclass(frozen=True)
class State:
    """A phase, and of the last four also what is missing: a graph, a reason, a stream."""

    phase: Phase
    detail: str = ''

    @property
    def text(self) -> str:
        """For people."""
        return _TEXTS[self.phase].format(detail=self.detail)
