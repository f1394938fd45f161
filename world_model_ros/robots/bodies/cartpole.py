# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The cartpole: a pole on a cart that must be swung up and held."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.robots.bodies.mujoco_body import MujocoBody

# dm_control's camera stands 4 m off and loses half the pole at the ends of the rail, where a robot
# that must see its pole would be blind.
CARTPOLE_CAMERA_M = 6.0


class CartpoleBody(MujocoBody):
    """A cart on a rail that must swing its pole up and hold it (cartpole swingup)."""

    xml = 'cartpole.xml'
    joint_names: ClassVar[dict[str, str]] = {'cart': 'slider', 'pole': 'hinge_1'}
    actuators = ('cart',)

    def __init__(self, contract: Contract) -> None:
        """Load the cart."""
        super().__init__(contract)
        self._pole = self.model.body('pole_1').id
        self.model.cam('fixed').pos[1] = -CARTPOLE_CAMERA_M

    def _draw_start(self, rng: np.random.Generator) -> None:
        self.data.qpos[:] = 0.01 * rng.standard_normal(2) + np.array([0.0, np.pi])
        self.data.qvel[:] = 0.01 * rng.standard_normal(2)

    def reward(self) -> float:
        """Product of upright, centred, gentle and slow, as in dm_control."""
        upright = (self.data.xmat[self._pole, 8] + 1) / 2
        centered = (1 + _gaussian(self.data.qpos[0] / 2)) / 2
        small_control = (4 + max(0.0, 1 - self.data.ctrl[0] ** 2)) / 5
        small_velocity = (1 + _gaussian(self.data.qvel[1] / 5)) / 2
        return float(upright * small_control * small_velocity * centered)


def _gaussian(x: float) -> float:
    """dm_control's default tolerance sigmoid: 0.1 at |x| = 1."""
    return math.exp(math.log(0.1) * x * x)
