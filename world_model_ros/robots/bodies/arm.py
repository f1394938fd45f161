# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An arm with six joints and a hand on a table, which must put its hand around a ball.

The arm is Kinova's Jaco as dm_control ships it, with meshes. Input: joint speeds and how far the
fingers close. Only the camera sees the ball, whose place, size and colour are drawn at each reset.
Must not import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import math
from typing import ClassVar

import mujoco
import numpy as np

from world_model_ros.contract import Contract, Stream
from world_model_ros.robots.bodies.body import SUCCESS, BodyError
from world_model_ros.robots.bodies.mujoco_body import dm_control_folder
from world_model_ros.robots.bodies.scene_body import SceneBody, own_scene
from world_model_ros.robots.reality import Reality

JOINTS = tuple(f'joint_{i}' for i in range(1, 7))
FINGERS = tuple(f'finger_{i}' for i in range(1, 4))
# Of Kinova's actuators: three large and three small ones.
_TORQUE_N_M = (30.5, 30.5, 30.5, 6.8, 6.8, 6.8)
_SPEED_GAIN = 500.0  # N·m·s/rad, as in dm_control's model of the arm
_PAYLOAD_AT = [0.0, 0.0, -0.03]  # m, around the wrist
_FINGER = (5.0, 1.0, 3.0)  # N·m/rad, N·m·s/rad, N·m at most

HOME_RAD = (-1.477, 2.344, 0.811, -0.844, 0.583, 0.0)  # the hand before the arm, off the table
OPEN_RAD = 0.3
_HOME_SPREAD_RAD = 0.15
# Where balls are, m, in the frame of the arm's foot: before it, as the camera looks.
BALL_LOW, BALL_HIGH = (-0.35, -0.60, 0.10), (0.35, -0.35, 0.40)
BALL_RADIUS_M = (0.03, 0.05)
_COLOURS = ((0.9, 0.1, 0.1), (0.1, 0.65, 0.15), (0.1, 0.2, 0.9), (0.95, 0.85, 0.1))
REACHED_M = 0.02  # between the middle of the hand and the ball
PER_M = 20.0  # nearer to the ball
REACHED, TOUCHED = 10.0, -10.0  # once, at the end

# Of the scripted controller.
_HAND_M_S = 0.25
_HAND_GAIN = 3.0  # 1/s
_DAMPING = 1e-3  # m²: of the inverse, near poses where the arm is stretched


class ArmBody(SceneBody):
    """A Jaco on a table, seen by one camera."""

    actuators = (*JOINTS, 'finger')
    command_kinds = ('velocity', 'position')
    joint_names: ClassVar[dict[str, str]] = {
        **{name: f'arm/{name}' for name in JOINTS},
        'finger': 'arm/hand/finger_1',
    }
    ground = 'table'
    payload = 'arm/hand/payload'

    def __init__(self, contract: Contract) -> None:
        """Load arm and table.

        Raises:
            BodyError: the contract commands joints otherwise than by speed, or fingers than by
                position.
        """
        wrong = [
            name
            for name, position in zip(
                contract.action.names, contract.action.positions, strict=True
            )
            if position != (name == 'finger')
        ]
        if wrong:
            raise BodyError(
                f'the simulated arm takes velocity for joints and position for finger; contract '
                f'{contract.name!r} has it otherwise for {", ".join(wrong)}'
            )
        super().__init__(contract)
        model = self.model
        self._hand = model.site('arm/hand/gripsite').id
        self._ball_geom = model.geom('ball').id
        self._table = model.geom('table').id
        self._strength = 1.0

    def _compiled(self) -> mujoco.MjModel:
        kinova = dm_control_folder() / 'third_party' / 'kinova'
        scene = mujoco.MjSpec.from_file(own_scene('arm.xml'))
        arm = mujoco.MjSpec.from_file(str(kinova / 'jaco_arm.xml'))
        hand = mujoco.MjSpec.from_file(str(kinova / 'jaco_hand.xml'))
        arm.attach(hand, site=arm.site('wristsite'), prefix='hand/')
        scene.attach(arm, site=scene.site('mount'), prefix='arm/')
        for body in scene.bodies:
            body.gravcomp = 1.0  # as the arm's own controller does; it knows of no payload
        load = scene.body('arm/hand/hand').add_body(name='arm/hand/payload', pos=_PAYLOAD_AT)
        load.add_geom(
            name='payload',
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[0.05, 0.02, 0.0],
            mass=0.001,
            contype=0,
            conaffinity=0,
            rgba=[0.5, 0.5, 0.2, 0.0],
        )
        for name, torque in zip(JOINTS, _TORQUE_N_M, strict=True):
            motor = _motor(scene, f'arm/{name}', torque)
            motor.set_to_velocity(kv=_SPEED_GAIN)
        for name in FINGERS:
            motor = _motor(scene, f'arm/hand/{name}', _FINGER[2])
            motor.set_to_position(kp=_FINGER[0], kv=_FINGER[1])
        return scene.compile()

    # ---- episodes --------------------------------------------------------------------------

    def _draw_start(self, rng: np.random.Generator) -> None:
        data = self.data
        data.qpos[:6] = HOME_RAD + rng.uniform(-_HOME_SPREAD_RAD, _HOME_SPREAD_RAD, 6)
        data.qpos[6:9] = OPEN_RAD
        data.ctrl[:6], data.ctrl[6:] = 0.0, OPEN_RAD
        data.mocap_pos[0] = rng.uniform(BALL_LOW, BALL_HIGH)
        self.model.geom_size[self._ball_geom, 0] = rng.uniform(*BALL_RADIUS_M)
        self.model.geom_rgba[self._ball_geom, :3] = _COLOURS[rng.integers(len(_COLOURS))]
        mujoco.mj_forward(self.model, data)
        self._outcome, self._reward = '', 0.0
        self._away_m = self.to_ball_m

    def apply(self, command: np.ndarray) -> None:
        """Set the joints' speeds, rad/s, and the fingers' angle, rad."""
        self.data.ctrl[:6] = self._strength * command[:6]
        self.data.ctrl[6:] = command[6]

    def advance(self) -> None:
        """Run one frame; after the end of the task everything stands still."""
        self._reward = 0.0
        if self._outcome:
            return
        for _ in range(self.substeps):
            mujoco.mj_step(self.model, self.data)
        mujoco.mj_step1(self.model, self.data)
        away_m = self.to_ball_m
        self._reward, self._away_m = PER_M * (self._away_m - away_m), away_m
        if self._touches_table():
            self._end('touch', TOUCHED)
        elif away_m <= REACHED_M:
            self._end(SUCCESS, REACHED)

    def _touches_table(self) -> bool:
        contact = self.data.contact
        return bool(
            self.data.ncon
            and ((contact.geom1 == self._table) | (contact.geom2 == self._table)).any()
        )

    @property
    def to_ball_m(self) -> float:
        """Distance from the middle of the hand to the ball; 0 within it."""
        away = self.data.site_xpos[self._hand] - self.data.mocap_pos[0]
        return max(0.0, math.hypot(*away) - float(self.model.geom_size[self._ball_geom, 0]))

    def set_reality(self, reality: Reality) -> None:
        """Change motors, table, load, light and the camera's mount; keeps the state."""
        super().set_reality(reality)
        self._strength = reality.motor_strength

    def sense(self, stream: Stream) -> np.ndarray:
        """A depth picture.

        Raises:
            BodyError: the robot has no sensor of this kind.
        """
        if stream.kind != 'depth':
            raise BodyError(
                f'streams.{stream.name}: the simulated arm has no sensor of kind '
                f'{stream.kind!r}; it has image, depth and joints'
            )
        return self._depth(stream)

    def demonstrate(self) -> np.ndarray:
        """Move the hand straight to the ball, joints by the damped inverse of its Jacobian."""
        jacobian = np.zeros((3, self.model.nv))
        mujoco.mj_jacSite(self.model, self.data, jacobian, None, self._hand)
        arm = jacobian[:, :6]
        away = self.data.mocap_pos[0] - self.data.site_xpos[self._hand]
        wanted = _HAND_GAIN * away
        wanted *= min(1.0, _HAND_M_S / max(float(np.linalg.norm(wanted)), 1e-9))
        speeds = arm.T @ np.linalg.solve(arm @ arm.T + _DAMPING * np.eye(3), wanted)
        most = float(np.abs(speeds).max()) / 0.6
        return np.array([*(speeds / max(1.0, most)), OPEN_RAD])


def _motor(scene: mujoco.MjSpec, joint: str, torque: float) -> mujoco.MjsActuator:
    motor = scene.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    motor.forcelimited = True
    motor.forcerange = [-torque, torque]
    return motor
