# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kinova's Jaco on a table before a camera: what the tasks of the arm share.

The arm and its meshes are those that dm_control ships. Input: joint speeds and how far the fingers
close. A task says where things are, how far it is from done, and when it has failed. Must not
import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

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
SPEED_RAD_S = 0.6  # what a scripted controller asks of a joint, at most
# Of Kinova's actuators: three large and three small ones.
_TORQUE_N_M = (30.5, 30.5, 30.5, 6.8, 6.8, 6.8)
_SPEED_GAIN = 500.0  # N·m·s/rad, as in dm_control's model of the arm
_PAYLOAD_AT = [0.0, 0.0, -0.03]  # m, around the wrist
_FINGER = (5.0, 1.0, 3.0)  # N·m/rad, N·m·s/rad, N·m at most
_HOME_SPREAD_RAD = 0.15
_TURN_M = 0.3  # m: what a radian of turning counts beside a move
DONE, FAILED = 10.0, -10.0  # reward, once, at the end
_DAMPING = 1e-3  # of the inverse Jacobian, near poses where the arm is stretched


class JacoBody(SceneBody):
    """The arm without a task."""

    actuators = (*JOINTS, 'finger')
    command_kinds = ('velocity', 'position')
    joint_names: ClassVar[dict[str, str]] = {
        **{name: f'arm/{name}' for name in JOINTS},
        'finger': 'arm/hand/finger_1',
    }
    ground = 'table'
    payload = 'arm/hand/payload'
    home_rad: tuple[float, ...] = ()
    fingers_rad = 0.3  # where they begin

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
        self._furnish(scene)
        return scene.compile()

    def _furnish(self, scene: mujoco.MjSpec) -> None:
        """Add what the task needs."""

    # ---- what a task says ------------------------------------------------------------------

    def _place(self, rng: np.random.Generator) -> None:
        raise NotImplementedError

    def _rate(self) -> float:
        """How good it is to be here; the reward is its change."""
        raise NotImplementedError

    def _done(self) -> bool:
        raise NotImplementedError

    def _failed(self) -> str:
        """A word for the failure; nothing while there is none."""
        return ''

    # ---- episodes --------------------------------------------------------------------------

    def _draw_start(self, rng: np.random.Generator) -> None:
        data = self.data
        data.qpos[:6] = self.home_rad + rng.uniform(-_HOME_SPREAD_RAD, _HOME_SPREAD_RAD, 6)
        data.qpos[6:9] = self.fingers_rad
        data.ctrl[:6], data.ctrl[6:] = 0.0, self.fingers_rad
        self._place(rng)
        mujoco.mj_forward(self.model, data)
        self._outcome, self._reward = '', 0.0
        self._potential = self._rate()

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
        potential = self._rate()
        self._reward, self._potential = potential - self._potential, potential
        if failure := self._failed():
            self._end(failure, FAILED)
        elif self._done():
            self._end(SUCCESS, DONE)

    def _touches_table(self) -> bool:
        """Whether anything that moves is in contact with the table."""
        contact = self.data.contact
        return bool(
            self.data.ncon
            and ((contact.geom1 == self._table) | (contact.geom2 == self._table)).any()
        )

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

    def _hand_along(self, speed: np.ndarray, down: float = 0.0) -> np.ndarray:
        """Command [7] that moves the hand at a speed [3] m/s, by the damped inverse Jacobian.

        `down` is how fast, 1/s, the hand turns to point down; 0 leaves it as it comes.
        """
        moves, turns = np.zeros((3, self.model.nv)), np.zeros((3, self.model.nv))
        mujoco.mj_jacSite(self.model, self.data, moves, turns, self._hand)
        rows, wanted = moves[:, :6], np.asarray(speed, np.float64)
        if down:
            pointing = self.data.site_xmat[self._hand].reshape(3, 3)[:, 2]
            rows = np.vstack([rows, _TURN_M * turns[:, :6]])
            wanted = np.append(wanted, _TURN_M * down * np.cross(pointing, (0.0, 0.0, -1.0)))
        inverse = np.linalg.solve(rows @ rows.T + _DAMPING * np.eye(len(rows)), wanted)
        speeds = rows.T @ inverse
        most = float(np.abs(speeds).max()) / SPEED_RAD_S
        return np.array([*(speeds / max(1.0, most)), self.fingers_rad])


def _motor(scene: mujoco.MjSpec, joint: str, torque: float) -> mujoco.MjsActuator:
    motor = scene.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    motor.forcelimited = True
    motor.forcerange = [-torque, torque]
    return motor
