# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The counter: a body whose every number says which tick it belongs to.

Observation = number of the tick, reward = mean command executed over the past tick. Whatever
stands between command and replay can be checked against it for an off-by-one. Must not import
mujoco, onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.robots.reality import Reality

FRAMES_PER_TICK = 2  # as in config/robots/counter.yaml


class CounterBody:
    """Counts its frames and pays its commands."""

    frame_s = 0.02
    actuators = ('counter',)

    def __init__(self, contract: Contract) -> None:
        """Start at zero."""
        self._frames = 0
        self._command = 0.0

    def reset(self, rng: np.random.Generator) -> None:
        """Start at zero, whatever the seed."""
        self._frames = 0
        self._command = 0.0

    def set_reality(self, reality: Reality) -> None:
        """Nothing about a counter can shift but the driver's delay, which is not its own."""

    def apply(self, command: np.ndarray) -> None:
        """Remember the command."""
        self._command = float(command[0])

    def advance(self) -> None:
        """Count one frame."""
        self._frames += 1

    def joints(self) -> dict[str, tuple[float, float, float]]:
        """Position: ticks so far; velocity and effort: the command in force."""
        return {'counter': (self._frames / FRAMES_PER_TICK, self._command, self._command)}

    def render(self, camera: str, height: int, width: int) -> np.ndarray:
        """Return a picture whose every value is the tick modulo 256."""
        return np.full((height, width, 3), self._frames // FRAMES_PER_TICK % 256, np.uint8)

    def reward(self) -> float:
        """Pay this frame's share of the command."""
        return self._command / FRAMES_PER_TICK

    def terminal(self) -> bool:
        """A counter never ends."""
        return False

    def close(self) -> None:
        """Nothing is open."""
