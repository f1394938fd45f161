# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the MuJoCo bodies share: XML files run by plain MuJoCo, by default those of dm_control.

Owns stepping, mounts, strength and lean pictures; one file per robot derives from it. Resets and
rewards of dm_control's robots follow its suite. Must not import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import atexit
import importlib.util
import weakref
from pathlib import Path
from typing import ClassVar

import mujoco
import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.robots.bodies.body import BodyError, JointState, refuse_others
from world_model_ros.robots.reality import Reality

_FLAGS_OFF = (
    mujoco.mjtRndFlag.mjRND_SHADOW,
    mujoco.mjtRndFlag.mjRND_REFLECTION,
    mujoco.mjtRndFlag.mjRND_SKYBOX,
    mujoco.mjtRndFlag.mjRND_HAZE,
)


class MujocoBody:
    """What every MuJoCo body shares: stepping, mounts, strength, lean pictures."""

    xml = ''  # in dm_control's suite
    camera = 'fixed'  # in the model
    # Quantities of a reality that can change.
    offers: ClassVar[frozenset[str]] = frozenset(
        {'motor_strength', 'friction', 'camera_tilt_rad', 'camera_roll_rad'}
    )
    joint_names: ClassVar[dict[str, str]] = {}  # contract joint -> model joint
    actuators: tuple[str, ...] = ()  # contract joint of each actuator, in model order

    def __init__(self, contract: Contract) -> None:
        """Load the model and remember its nominal numbers; the contract changes nothing."""
        self.model = self._compiled()
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

    def _compiled(self) -> mujoco.MjModel:
        # The XML is read without importing dm_control.suite, which takes seconds. Its sky is never
        # drawn (_FLAGS_OFF), and is most of the time and memory that a body takes to begin.
        spec = mujoco.MjSpec.from_file(str(dm_control_folder() / 'suite' / self.xml))
        for texture in list(spec.textures):
            if texture.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
                spec.delete(texture)
        return spec.compile()

    def reset(self, rng: np.random.Generator) -> None:
        """Draw a new starting state."""
        mujoco.mj_resetData(self.model, self.data)
        self._draw_start(rng)
        mujoco.mj_forward(self.model, self.data)

    def _draw_start(self, rng: np.random.Generator) -> None:
        raise NotImplementedError

    def set_reality(self, reality: Reality) -> None:
        """Change strength, friction and camera mount; keeps the state."""
        refuse_others(reality, self.offers, f'a {type(self).__name__}')
        self.model.actuator_gear[:, 0] = self._gear * reality.motor_strength
        self._set_mounts(reality)

    def _set_mounts(self, reality: Reality) -> None:
        self.model.dof_damping[:] = self._damping * reality.friction
        turn = _quat_mul(
            _axis_quat((1.0, 0.0, 0.0), reality.camera_tilt_rad),
            _axis_quat((0.0, 0.0, 1.0), reality.camera_roll_rad),
        )
        camera = self.model.cam(self.camera).id
        self.model.cam_quat[camera] = _quat_mul(self._cam_quat[camera], turn)

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
        """Return the picture, uint8 [height, width, 3]: these models have one camera."""
        renderer = self._renderer(height, width)
        renderer.update_scene(self.data, camera=self.camera)
        return renderer.render()

    def _renderer(self, height: int, width: int) -> mujoco.Renderer:
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
        return renderer

    def terminal(self) -> bool:
        """These tasks never end before their time."""
        return False

    def close(self) -> None:
        """Free the renderers."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()


def dm_control_folder() -> Path:
    """Where dm_control is installed; it is not imported.

    Raises:
        BodyError: it is not.
    """
    spec = importlib.util.find_spec('dm_control')
    if spec is None or not spec.submodule_search_locations:
        raise BodyError('the simulated robots need dm-control: pip install dm-control')
    return Path(spec.submodule_search_locations[0])


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


def _axis_quat(axis: tuple[float, float, float], angle_rad: float) -> np.ndarray:
    out = np.zeros(4)
    mujoco.mju_axisAngle2Quat(out, np.array(axis), angle_rad)
    return out


def _quat_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = np.zeros(4)
    mujoco.mju_mulQuat(out, np.asarray(a, float), np.asarray(b, float))
    return out
