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

from world_model_ros.contract import Contract
from world_model_ros.robots.bodies.body import SUCCESS, BodyError
from world_model_ros.robots.bodies.mujoco_body import dm_control_folder
from world_model_ros.robots.bodies.scene_body import SceneBody, own_scene
from world_model_ros.robots.reality import Reality

JOINTS = tuple(f'joint_{i}' for i in range(1, 7))
FINGERS = tuple(f'finger_{i}' for i in range(1, 4))
_TIPS = tuple(f'arm/hand/b_finger_tip_{i}' for i in range(1, 4))
_STICKS = tuple(f'arm/hand/stick_{i}' for i in range(1, 4))
SPEED_RAD_S = 0.6  # what a scripted controller asks of a joint, at most
# Of Kinova's actuators: three large and three small ones.
_TORQUE_N_M = (30.5, 30.5, 30.5, 6.8, 6.8, 6.8)
_SPEED_GAIN = 500.0  # N·m·s/rad, as in dm_control's model of the arm
_PAYLOAD_AT = [0.0, 0.0, -0.03]  # m, around the wrist
_FINGER = (5.0, 1.0, 3.0)  # N·m/rad, N·m·s/rad, N·m at most
# Of what makes fingers longer: a rounded stick, which slides out of each tip.
_STICK_RADIUS_M, _STICK_HALF_M = 0.008, 0.03
_COLLIDES = (3, 2)  # contype and conaffinity, as of the fingers
_HOME_SPREAD_RAD = 0.15
_TURN_M = 0.3  # m: what a radian of turning counts beside a move
DONE, FAILED = 10.0, -10.0  # reward, once, at the end
_DAMPING = 1e-3  # of the inverse Jacobian, near poses where the arm is stretched


class JacoBody(SceneBody):
    """The arm without a task."""

    actuators = (*JOINTS, 'finger')
    called = 'arm'
    command_kinds = ('velocity', 'position')
    joint_names: ClassVar[dict[str, str]] = {
        **{name: f'arm/{name}' for name in JOINTS},
        'finger': 'arm/hand/finger_1',
    }
    ground = 'table'
    payload = 'arm/hand/payload'
    offers: ClassVar[frozenset[str]] = SceneBody.offers | {'finger_longer_m'}
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
        self._tips = [_end_of(model, name) for name in _TIPS]
        self._lengthen(0.0)

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
        for tip, stick in zip(_TIPS, _STICKS, strict=True):
            scene.body(tip).add_body(name=stick).add_geom(
                scene.default,  # that of the tip has its mesh
                name=stick,
                type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                size=[_STICK_RADIUS_M, _STICK_HALF_M, 0.0],
                mass=0.0,
                condim=4,
                contype=0,
                conaffinity=0,
                rgba=[0.9, 0.45, 0.1, 0.0],
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
        self._begin()

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
        self._earn()
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
        """Change motors, fingers, table, load, light and the camera; keeps the state."""
        super().set_reality(reality)
        self._strength = reality.motor_strength
        self._lengthen(reality.finger_longer_m)

    def _lengthen(self, longer_m: float) -> None:
        """Let the sticks stand out of the fingers' tips; at 0 they are not there."""
        model = self.model
        for i, (end, along) in enumerate(self._tips):
            body, geom = model.body(_STICKS[i]).id, model.geom(_STICKS[i]).id
            out_m = longer_m - _STICK_RADIUS_M - _STICK_HALF_M
            model.body_pos[body] = end + out_m * along
            mujoco.mju_quatZ2Vec(model.body_quat[body], along)
            there = longer_m > 0.0
            model.geom_rgba[geom, 3] = float(there)
            model.geom_contype[geom], model.geom_conaffinity[geom] = _COLLIDES if there else (0, 0)
            model.body_contype[body] = model.geom_contype[geom]
            model.body_conaffinity[body] = model.geom_conaffinity[geom]

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


def _end_of(model: mujoco.MjModel, body: str) -> tuple[np.ndarray, np.ndarray]:
    """The point [3] m of a body's first mesh that is furthest from its origin, and the way there.

    In the frame of the body; the way [3] is of length 1.
    """
    geom = model.body(body).geomadr[0]
    mesh = model.geom_dataid[geom]
    first = model.mesh_vertadr[mesh]
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
    points = model.mesh_vert[first : first + model.mesh_vertnum[mesh]] @ turn.reshape(3, 3).T
    points += model.geom_pos[geom]
    distances = np.linalg.norm(points, axis=1)
    end = points[distances.argmax()]
    return end, end / distances.max()


def _motor(scene: mujoco.MjSpec, joint: str, torque: float) -> mujoco.MjsActuator:
    motor = scene.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    motor.forcelimited = True
    motor.forcerange = [-torque, torque]
    return motor
