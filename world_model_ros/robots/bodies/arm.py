# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arm that must put its hand around a ball, and not touch the table.

Only the camera sees the ball, whose place, size and colour are drawn at each reset. Must not
import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from world_model_ros.robots.bodies.jaco_body import JacoBody

# Where balls are, m, in the frame of the arm's foot: before it, as the camera looks.
BALL_LOW, BALL_HIGH = (-0.35, -0.60, 0.10), (0.35, -0.35, 0.40)
BALL_RADIUS_M = (0.03, 0.05)
COLOURS = ((0.9, 0.1, 0.1), (0.1, 0.65, 0.15), (0.1, 0.2, 0.9), (0.95, 0.85, 0.1))
REACHED_M = 0.02  # between the middle of the hand and the ball
PER_M = 20.0  # reward, nearer to the ball
# Of the scripted controller.
_HAND_M_S = 0.25
_HAND_GAIN = 3.0  # 1/s


class ArmBody(JacoBody):
    """Reach for a ball."""

    home_rad = (-1.477, 2.344, 0.811, -0.844, 0.583, 0.0)  # the hand before the arm, off the table

    def _furnish(self, scene: mujoco.MjSpec) -> None:
        ball = scene.worldbody.add_body(name='ball', mocap=True)
        ball.add_geom(
            name='ball',
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[BALL_RADIUS_M[1], 0.0, 0.0],
            contype=0,
            conaffinity=0,
        )

    def _place(self, rng: np.random.Generator) -> None:
        ball = self.model.geom('ball').id
        self.data.mocap_pos[0] = rng.uniform(BALL_LOW, BALL_HIGH)
        self.model.geom_size[ball, 0] = rng.uniform(*BALL_RADIUS_M)
        self.model.geom_rgba[ball, :3] = COLOURS[rng.integers(len(COLOURS))]

    @property
    def to_ball_m(self) -> float:
        """Distance from the middle of the hand to the ball; 0 within it."""
        away = self.data.site_xpos[self._hand] - self.data.mocap_pos[0]
        radius = float(self.model.geom('ball').size[0])
        return max(0.0, math.hypot(*away) - radius)

    def _rate(self) -> float:
        return -PER_M * self.to_ball_m

    def _done(self) -> bool:
        return self.to_ball_m <= REACHED_M

    def _failed(self) -> str:
        return 'touch' if self._touches_table() else ''

    def demonstrate(self) -> np.ndarray:
        """Move the hand straight to the ball."""
        wanted = _HAND_GAIN * (self.data.mocap_pos[0] - self.data.site_xpos[self._hand])
        return self._hand_along(
            wanted * min(1.0, _HAND_M_S / max(float(np.linalg.norm(wanted)), 1e-9))
        )
