# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arm that must push a box onto a mark on the table.

Only the camera sees box and mark, whose places, size and colours are drawn at each reset. Must not
import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from world_model_ros.robots.bodies.arm import COLOURS
from world_model_ros.robots.bodies.jaco_body import JacoBody

# Where box and mark are, m, in the frame of the arm's foot: before it, as the camera looks.
PLACE_LOW, PLACE_HIGH = (-0.22, -0.58), (0.22, -0.36)
APART_M = (0.10, 0.22)  # between box and mark at the beginning
BOX_HALF_M = (0.04, 0.055)
BOX_KG = 0.3
MARK_RADIUS_M = 0.06
ON_MARK_M = 0.03  # between the middles of box and mark
LOST_M = 0.8  # from the arm's foot, where the arm does not reach the box
PER_M = 40.0  # reward, box nearer to the mark
PER_HAND_M = 5.0  # reward, hand nearer to the box
# Of the scripted controller.
_HIGH_M, _LOW_M = 0.22, 0.09  # of the hand: over the box, and beside it with its fingers
_BEHIND_M = 0.075  # between hand and the box's side, before it pushes
_GAIN, _MOVE_M_S, _PUSH_M_S = 3.0, 0.25, 0.08
_UPRIGHT = 2.0  # 1/s


class ArmPushBody(JacoBody):
    """Push a box."""

    home_rad = (-1.373, 3.785, 1.294, 3.337, -0.756, -0.6)  # the hand points down
    fingers_rad = 1.2  # closed

    def _furnish(self, scene: mujoco.MjSpec) -> None:
        mark = scene.worldbody.add_body(name='mark', mocap=True)
        mark.add_geom(
            name='mark',
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[MARK_RADIUS_M, 0.001, 0.0],
            contype=0,
            conaffinity=0,
        )
        box = scene.worldbody.add_body(name='box')
        box.add_freejoint(name='box')
        box.add_geom(
            name='box',
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[BOX_HALF_M[1]] * 3,
            mass=BOX_KG,
            friction=[0.5, 0.005, 0.0001],
        )

    def _place(self, rng: np.random.Generator) -> None:
        model, data = self.model, self.data
        half = rng.uniform(*BOX_HALF_M)
        box: np.ndarray = np.asarray(rng.uniform(PLACE_LOW, PLACE_HIGH))
        mark = box
        while not APART_M[0] <= math.dist(box, mark) <= APART_M[1]:
            mark = np.asarray(rng.uniform(PLACE_LOW, PLACE_HIGH))
        turn = rng.uniform(-math.pi, math.pi)
        start = model.joint('box').qposadr[0]
        data.qpos[start : start + 7] = *box, half, math.cos(turn / 2), 0, 0, math.sin(turn / 2)
        data.mocap_pos[0] = *mark, 0.001
        model.geom('box').size[:] = half
        first, second = rng.choice(len(COLOURS), 2, replace=False)
        model.geom('box').rgba[:] = *COLOURS[first], 1.0
        model.geom('mark').rgba[:] = *COLOURS[second], 1.0

    @property
    def box(self) -> np.ndarray:
        """Where the middle of the box is, [2] m."""
        return np.array(self.data.body('box').xpos[:2])

    @property
    def to_mark_m(self) -> float:
        """Distance between the middles of box and mark."""
        return math.dist(self.box, self.data.mocap_pos[0, :2])

    def _rate(self) -> float:
        to_box_m = float(
            np.linalg.norm(self.data.site_xpos[self._hand] - self.data.body('box').xpos)
        )
        return -PER_M * self.to_mark_m - PER_HAND_M * to_box_m

    def _done(self) -> bool:
        return self.to_mark_m <= ON_MARK_M

    def _failed(self) -> str:
        return 'lost' if math.hypot(*self.box) > LOST_M else ''

    def demonstrate(self) -> np.ndarray:
        """Go behind the box, over it where it is in the way, and push it in a straight line."""
        hand, box = self.data.site_xpos[self._hand], self.box
        to_mark = self.data.mocap_pos[0, :2] - box
        to_mark /= max(float(np.linalg.norm(to_mark)), 1e-9)
        side = np.array([-to_mark[1], to_mark[0]])
        half = float(self.model.geom('box').size[0])
        behind = box - (half + _BEHIND_M) * to_mark
        off = float((hand[:2] - box) @ side)
        along = float((hand[:2] - box) @ to_mark)
        in_line = abs(off) < 0.025 and along < -half
        low = hand[2] < _LOW_M + 0.03
        if in_line and low:
            speed = _PUSH_M_S * to_mark - _GAIN * off * side
            return self._hand_along(np.array([*speed, _GAIN * (_LOW_M - hand[2])]), _UPRIGHT)
        away = behind - hand[:2]
        if float(np.linalg.norm(away)) < 0.02:
            goal = np.array([*behind, _LOW_M])
        else:
            goal = np.array([*(behind if hand[2] > _HIGH_M - 0.04 else hand[:2]), _HIGH_M])
        wanted = _GAIN * (goal - hand)
        wanted *= min(1.0, _MOVE_M_S / max(float(np.linalg.norm(wanted)), 1e-9))
        return self._hand_along(wanted, _UPRIGHT)
