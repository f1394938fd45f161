# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated bodies: physics, reset, reward and camera of one robot, in SI units.

Owns what a robot *is* in simulation; knows nothing of ticks, guards or ROS. The models are
dm_control's XML files run by plain MuJoCo; resets and rewards follow its suite. Must not
import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import atexit
import importlib.util
import math
import os
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

if sys.platform.startswith('linux'):
    os.environ.setdefault('MUJOCO_GL', 'egl')  # read by mujoco at import

import mujoco

from world_model_ros.robots.counter import CounterBody
from world_model_ros.robots.reality import NOMINAL, Reality

_FLAGS_OFF = (
    mujoco.mjtRndFlag.mjRND_SHADOW,
    mujoco.mjtRndFlag.mjRND_REFLECTION,
    mujoco.mjtRndFlag.mjRND_SKYBOX,
    mujoco.mjtRndFlag.mjRND_HAZE,
)
JointState = tuple[float, float, float]  # position, velocity, effort


class BodyError(ValueError):
    """A body that does not exist or a request it cannot meet."""


class Body(Protocol):
    """What an environment needs of a simulated robot."""

    @property
    def frame_s(self) -> float:
        """Simulated time of one `advance`."""

    @property
    def actuators(self) -> tuple[str, ...]:
        """Names of the actions, in the order of `apply`."""

    def reset(self, rng: np.random.Generator) -> None:
        """Draw a new starting state."""

    def set_reality(self, reality: Reality) -> None:
        """Change strength, friction and camera mount; keeps the state."""

    def apply(self, command: np.ndarray) -> None:
        """Set the actuators in SI units; holds until the next call."""

    def advance(self) -> None:
        """Run the physics for one frame."""

    def joints(self) -> dict[str, JointState]:
        """Every joint: position, velocity, effort."""

    def render(self, camera: str, height: int, width: int) -> np.ndarray:
        """Return the camera's picture, uint8 [height, width, 3]."""

    def reward(self) -> float:
        """Return the reward of the frame that just ended, 0 to 1."""

    def terminal(self) -> bool:
        """Whether the task ended for good."""

    def close(self) -> None:
        """Free the renderers."""


class MujocoBody:
    """What every dm_control body shares: stepping, mounts, strength, lean pictures."""

    xml = ''
    joint_names: ClassVar[dict[str, str]] = {}  # contract joint -> model joint
    actuators: tuple[str, ...] = ()  # contract joint of each actuator, in model order

    def __init__(self) -> None:
        """Load the model and remember its nominal numbers."""
        spec = importlib.util.find_spec('dm_control')
        if spec is None or not spec.submodule_search_locations:
            raise BodyError('the simulated robots need dm-control: pip install dm-control')
        path = Path(spec.submodule_search_locations[0]) / 'suite' / self.xml
        # The XML is read without importing dm_control.suite, which takes seconds.
        self.model = mujoco.MjModel.from_xml_path(str(path))
        self.data = mujoco.MjData(self.model)
        self.model.vis.quality.shadowsize = 0
        self.model.vis.quality.offsamples = 4
        self.model.mat_reflectance[:] = 0
        self.frame_s = float(self.model.opt.timestep)
        self._gear = self.model.actuator_gear[:, 0].copy()
        self._damping = self.model.dof_damping.copy()
        self._cam_quat = self.model.cam_quat.copy()
        self._joint_ids = {
            name: (self.model.joint(inner).qposadr[0], self.model.joint(inner).dofadr[0])
            for name, inner in self.joint_names.items()
        }
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}

    def reset(self, rng: np.random.Generator) -> None:
        """Draw a new starting state."""
        mujoco.mj_resetData(self.model, self.data)
        self._draw_start(rng)
        mujoco.mj_forward(self.model, self.data)

    def _draw_start(self, rng: np.random.Generator) -> None:
        raise NotImplementedError

    def set_reality(self, reality: Reality) -> None:
        """Change strength, friction and camera mount; keeps the state."""
        self.model.actuator_gear[:, 0] = self._gear * reality.motor_strength
        self.model.dof_damping[:] = self._damping * reality.friction
        turn = _quat_mul(
            _axis_quat((1.0, 0.0, 0.0), reality.camera_tilt_rad),
            _axis_quat((0.0, 0.0, 1.0), reality.camera_roll_rad),
        )
        for i, quat in enumerate(self._cam_quat):
            self.model.cam_quat[i] = _quat_mul(quat, turn)

    def apply(self, command: np.ndarray) -> None:
        """Set the actuators in SI units (the nominal gear turns them into ctrl)."""
        self.data.ctrl[:] = np.clip(command / self._gear, -1.0, 1.0)

    def advance(self) -> None:
        """Run one frame; positions and cameras are then those of its end."""
        mujoco.mj_step(self.model, self.data)
        mujoco.mj_step1(self.model, self.data)

    def joints(self) -> dict[str, JointState]:
        """Every joint: position, velocity, effort."""
        data = self.data
        return {
            name: (float(data.qpos[pos]), float(data.qvel[dof]), float(data.qfrc_actuator[dof]))
            for name, (pos, dof) in self._joint_ids.items()
        }

    def render(self, camera: str, height: int, width: int) -> np.ndarray:
        """Return the camera's picture, uint8 [height, width, 3]."""
        renderer = self._renderers.get((height, width))
        if renderer is None:
            # The frame buffer is this renderer's own: no larger than its picture.
            self.model.vis.global_.offwidth = width
            self.model.vis.global_.offheight = height
            renderer = mujoco.Renderer(self.model, height, width, max_geom=100)
            for flag in _FLAGS_OFF:
                renderer.scene.flags[flag] = 0
            self._renderers[height, width] = renderer
            _close_at_exit(self)
        renderer.update_scene(self.data, camera=camera)
        return renderer.render()

    def terminal(self) -> bool:
        """These tasks never end before their time."""
        return False

    def close(self) -> None:
        """Free the renderers."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()


class ReacherBody(MujocoBody):
    """A planar arm of two links that must put its finger into a ball (reacher easy)."""

    xml = 'reacher.xml'
    joint_names: ClassVar[dict[str, str]] = {'shoulder': 'shoulder', 'wrist': 'wrist'}
    actuators = ('shoulder', 'wrist')
    target_radius_m = 0.05

    def __init__(self) -> None:
        """Load the arm."""
        super().__init__()
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


# dm_control's camera stands 4 m off and loses half the pole at the ends of the rail, where a robot
# that must see its pole would be blind.
CARTPOLE_CAMERA_M = 6.0


class CartpoleBody(MujocoBody):
    """A cart on a rail that must swing its pole up and hold it (cartpole swingup)."""

    xml = 'cartpole.xml'
    joint_names: ClassVar[dict[str, str]] = {'cart': 'slider', 'pole': 'hinge_1'}
    actuators = ('cart',)

    def __init__(self) -> None:
        """Load the cart."""
        super().__init__()
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


_OPEN: weakref.WeakSet[MujocoBody] = weakref.WeakSet()


def _close_at_exit(body: MujocoBody) -> None:
    """Free OpenGL contexts before mujoco shuts EGL down, which it does at exit.

    mujoco registers that with the first context, so this must come after it.
    """
    if not _OPEN:
        atexit.register(_close_all)
    _OPEN.add(body)


def _close_all() -> None:
    for body in list(_OPEN):
        body.close()


BODIES: dict[str, Callable[[], Body]] = {
    'reacher': ReacherBody,
    'cartpole': CartpoleBody,
    'counter': CounterBody,
}


def make_body(name: str, reality: Reality = NOMINAL) -> Body:
    """Build the body a contract's name asks for."""
    if name not in BODIES:
        raise BodyError(
            f'no simulated body for robot {name!r}; there are: {", ".join(sorted(BODIES))}'
        )
    body = BODIES[name]()
    body.set_reality(reality)
    return body


def _gaussian(x: float) -> float:
    """dm_control's default tolerance sigmoid: 0.1 at |x| = 1."""
    return math.exp(math.log(0.1) * x * x)


def _axis_quat(axis: tuple[float, float, float], angle_rad: float) -> np.ndarray:
    out = np.zeros(4)
    mujoco.mju_axisAngle2Quat(out, np.array(axis), angle_rad)
    return out


def _quat_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = np.zeros(4)
    mujoco.mju_mulQuat(out, np.asarray(a, float), np.asarray(b, float))
    return out
