# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A differential-drive base that must drive to the post of a colour, in a room it does not know.

Input: forward and turning speed. Output: on-board pictures and depth, a scan, wheel odometry. The
task names the colour. Room and start are drawn at each reset; only the camera sees colours. Must
not import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import mujoco
import numpy as np

from world_model_ros.contract import Contract, Stream
from world_model_ros.robots.bodies.base_sensors import WheelOdometry, scan
from world_model_ros.robots.bodies.body import SUCCESS, BodyError
from world_model_ros.robots.bodies.room import (
    BOX_HALF_M,
    COLOURS,
    POST_RADIUS_M,
    ROBOT_RADIUS_M,
    Layout,
    draw_layout,
)
from world_model_ros.robots.bodies.room_path import Way, drive_along
from world_model_ros.robots.bodies.scene_body import SceneBody, own_scene
from world_model_ros.robots.reality import Reality

WHEEL_RADIUS_M, TRACK_M = 0.06, 0.28  # as in diff_drive.xml; a test compares them
WHEEL_LIMIT_RAD_S = 12.0  # 0.72 m/s: what the motors can do

REACHED_M = 0.15  # between the edges of robot and post
# The reward of a frame is what it brought, so that an episode sums up to its whole way.
PER_M = 10.0  # nearer to the post
PER_RAD = 2.0  # turned towards it
REACHED, TOUCHED = 20.0, -20.0  # once, at the end

_SCANNED = np.array([1, 0, 0, 0, 0, 0], np.uint8)  # groups; the robot itself is of group 1


class DiffDriveBody(SceneBody):
    """Two driven wheels and a castor, a camera on a mast and a scanner below it."""

    camera = 'on_board'
    called = 'base'
    command_kinds = ('velocity',)
    actuators = ('linear.x', 'angular.z')
    joint_names: ClassVar[dict[str, str]] = {
        'left_wheel': 'left_wheel',
        'right_wheel': 'right_wheel',
    }
    offers: ClassVar[frozenset[str]] = SceneBody.offers | {
        'right_wheel_strength',
        'ground_friction',
    }

    def __init__(self, contract: Contract) -> None:
        """Load room and robot.

        Raises:
            BodyError: the contract has another task than one number for each colour.
        """
        task = contract.task
        if task is None or task.names != COLOURS:
            raise BodyError(
                f'contract {contract.name!r} must have a task with the names '
                f'[{", ".join(COLOURS)}]: which post the robot shall drive to'
            )
        super().__init__(contract)
        model = self.model
        self._base = model.body('base').id
        self._things = np.zeros(model.ngeom, bool)  # what must not be touched
        for geom in range(model.ngeom):
            name = model.geom(geom).name
            self._things[geom] = name.startswith(('wall_', 'post_', 'box_'))
        self._posts = [int(model.body(f'post_{name}').mocapid[0]) for name in COLOURS]
        self._boxes = [int(model.body(f'box_{name}').mocapid[0]) for name in BOX_HALF_M]
        self._wheels = [model.geom(f'{side}_wheel').id for side in ('left', 'right')]
        self._wheel_friction = float(model.geom_friction[self._wheels[0], 0])
        self._strength = np.ones(2)
        self._odometry = WheelOdometry(WHEEL_RADIUS_M, TRACK_M, self.frame_s)
        self.post = 0  # number of the post to drive to
        self.layout = draw_layout(np.random.default_rng(0))

    def _compiled(self) -> mujoco.MjModel:
        return mujoco.MjModel.from_xml_path(own_scene('diff_drive.xml'))

    # ---- episodes and tasks ----------------------------------------------------------------

    def _draw_start(self, rng: np.random.Generator) -> None:
        self._arrange(draw_layout(rng))

    def _arrange(self, layout: Layout) -> None:
        """Put everything where the layout says; the robot stands and its odometry is zero."""
        self.layout, data = layout, self.data
        for mocap, place in zip(self._posts, layout.posts, strict=True):
            data.mocap_pos[mocap, :2] = place
        for mocap, (x, y, turn) in zip(self._boxes, layout.boxes, strict=True):
            data.mocap_pos[mocap, :2] = x, y
            data.mocap_quat[mocap] = math.cos(turn / 2), 0.0, 0.0, math.sin(turn / 2)
        x, y, heading = layout.start
        data.qvel[:] = 0.0
        data.qpos[:7] = x, y, 0.0, math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)
        mujoco.mj_forward(self.model, data)
        self._odometry.restart(self._wheel_angles())
        self._way: Way | None = None
        self._begin()

    def draw_task(self, rng: np.random.Generator) -> np.ndarray:
        """One colour, each as likely: one number is 1, the others are 0."""
        return np.eye(len(COLOURS), dtype=np.float32)[rng.integers(len(COLOURS))]

    def set_task(self, values: np.ndarray) -> None:
        """The colour with the largest number is the one to drive to."""
        self.post = int(np.argmax(values))
        self._way = None
        self._potential = self._rate()

    # ---- motion ----------------------------------------------------------------------------

    def apply(self, command: np.ndarray) -> None:
        """Set forward speed, m/s, and turning speed, rad/s; both give way to a wheel's limit."""
        forward, turn = float(command[0]), float(command[1])
        sides = np.array([-0.5, 0.5]) * TRACK_M  # left, right as the turn sees them
        wheels = (forward + sides * turn) / WHEEL_RADIUS_M
        wheels /= max(1.0, float(np.abs(wheels).max()) / WHEEL_LIMIT_RAD_S)
        self.data.ctrl[:] = self._strength * wheels

    def advance(self) -> None:
        """Run one frame; after the end of the task everything stands still."""
        self._reward = 0.0
        if self._outcome:
            return
        for _ in range(self.substeps):
            mujoco.mj_step(self.model, self.data)
            if self._touches():
                break
        mujoco.mj_step1(self.model, self.data)
        self._odometry.count(self._wheel_angles())
        self._earn()
        if self._touches():
            self._end('touch', TOUCHED)
        elif self.to_post_m <= REACHED_M:
            self._end(SUCCESS, REACHED)

    def _touches(self) -> bool:
        """Whether robot and anything but the floor are in contact."""
        contact = self.data.contact
        return bool(
            self.data.ncon and (self._things[contact.geom1] | self._things[contact.geom2]).any()
        )

    def _wheel_angles(self) -> np.ndarray:
        return np.array([self.data.qpos[self._joint_ids[name][0]] for name in self.joint_names])

    # ---- what is so ------------------------------------------------------------------------

    @property
    def pose(self) -> tuple[float, float, float]:
        """Where the robot really is: x, y, heading."""
        matrix = self.data.xmat[self._base]
        x, y, _ = self.data.xpos[self._base]
        return float(x), float(y), math.atan2(matrix[3], matrix[0])

    @property
    def to_post_m(self) -> float:
        """Distance between the edges of robot and post."""
        return self._to_post()[0]

    def _to_post(self) -> tuple[float, float]:
        """Distance between the edges, m, and how far the robot faces away from it, rad."""
        x, y, heading = self.pose
        dx, dy = self.layout.posts[self.post] - (x, y)
        away = math.remainder(math.atan2(dy, dx) - heading, 2 * math.pi)
        return math.hypot(dx, dy) - POST_RADIUS_M - ROBOT_RADIUS_M, away

    def _rate(self) -> float:
        distance_m, away_rad = self._to_post()
        return -PER_M * distance_m - PER_RAD * abs(away_rad)

    # ---- sensors ---------------------------------------------------------------------------

    def _sensors(self) -> dict[str, Callable[[Stream], np.ndarray]]:
        return {
            'laser_scan': lambda of: scan(self.model, self.data, 'scanner', of, _SCANNED),
            'odometry': self._odometry.array,
            **super()._sensors(),
        }

    def view_from_above(self, height: int, width: int) -> np.ndarray:
        """The room from above, uint8 [h, w, 3], for people."""
        renderer = self._renderer(height, width)
        renderer.update_scene(self.data, camera='top')
        return renderer.render()

    # ---- realities -------------------------------------------------------------------------

    def set_reality(self, reality: Reality) -> None:
        """Change wheels, floor, load, light and the camera's mount; keeps the state."""
        super().set_reality(reality)
        self._strength = reality.motor_strength * np.array([1.0, reality.right_wheel_strength])
        friction = self._wheel_friction * reality.ground_friction
        self.model.geom_friction[self._wheels, 0] = friction

    # ---- who knows the room ----------------------------------------------------------------

    def demonstrate(self) -> np.ndarray:
        """Drive along the shortest way, as somebody would who sees the room from above."""
        if self._way is None:
            self._way = Way(self.layout, self.post)
        return drive_along(self._way, self.pose)
