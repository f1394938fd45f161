# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The reacher: a two-link arm with a target that only its camera sees."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.robots.bodies.mujoco_body import MujocoBody


class ReacherBody(MujocoBody):
    """A planar arm of two links that must put its finger into a ball (reacher easy)."""

    xml = 'reacher.xml'
    joint_names: ClassVar[dict[str, str]] = {'shoulder': 'shoulder', 'wrist': 'wrist'}
    actuators = ('shoulder', 'wrist')
    target_radius_m = 0.05

    def __init__(self, contract: Contract) -> None:
        """Load the arm."""
        super().__init__(contract)
        self._target = self.model.geom('target').id
        self._finger = self.model.geom('finger').id
        self.model.geom_size[self._target, 0] = self.target_radius_m
        # the culling radius was compiled from the XML's size, which is the same 0.05 m
        self._reach_m = self.target_radius_m + float(self.model.geom_size[self._finger, 0])
        self._wrist_range = self.model.joint('wrist').range.copy()

    def _draw_start(self, rng: np.random.Generator) -> None:
        self.data.qpos[0] = rng.uniform(-np.pi, np.pi)
        self.data.qpos[1] = rng.uniform(*self._wrist_range)
        angle, radius_m = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.20)
        self.model.geom_pos[self._target, :2] = (
            radius_m * np.sin(angle),
            radius_m * np.cos(angle),
        )

    def reward(self) -> float:
        """1 while the finger touches the target."""
        delta = self.data.geom_xpos[self._target] - self.data.geom_xpos[self._finger]
        return float(math.hypot(delta[0], delta[1]) <= self._reach_m)
