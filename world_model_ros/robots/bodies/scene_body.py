# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the bodies in scenes of our own share: sensors, what is earned, what a reality changes.

Their models have two lights (`lamp`, `window`), a geom of the ground with materials `floor_0` to
`floor_2`, a body `payload` of the robot, and a camera. Must not import onboard, nodes, torch or
rclpy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import mujoco
import numpy as np

from world_model_ros.contract import Contract, Stream
from world_model_ros.robots.bodies.body import BodyError, refuse_others
from world_model_ros.robots.bodies.mujoco_body import MujocoBody
from world_model_ros.robots.reality import Reality

_LEAST_KG = 1e-3  # of a payload that is not there: a body without mass cannot be simulated
_DEPTH_STEPS = 254  # of the kind depth: 1 is near, 255 is far
_EVENING = np.array([1.4, 1.26, 0.98])  # RGB of the light that comes from the window alone


class SceneBody(MujocoBody):
    """A robot in a scene of ours, whose episodes end with an outcome."""

    substeps = 10  # physics steps in a frame
    ground = 'floor'  # geom whose material a reality changes
    payload = 'payload'  # body that a reality gives mass
    called = 'robot'  # in what is refused
    offers: ClassVar[frozenset[str]] = MujocoBody.offers | {
        'camera_forward_m',
        'camera_left_m',
        'camera_up_m',
        'payload_kg',
        'side_light',
        'floor',
    }

    def __init__(self, contract: Contract) -> None:
        """Load the model and remember what is nominal."""
        super().__init__(contract)
        model = self.model
        self.frame_s = self.substeps * float(model.opt.timestep)
        self._mount = model.cam_pos[model.cam(self.camera).id].copy()
        self._lamp = model.light_diffuse[model.light('lamp').id].copy()
        self._headlight = np.copy(model.vis.headlight.diffuse)
        self._outcome, self._reward = '', 0.0

    def set_reality(self, reality: Reality) -> None:
        """Change the camera's mount, light, ground and load; keeps the state."""
        refuse_others(reality, self.offers, f'a {type(self).__name__}')
        model = self.model
        self._set_mounts(reality)
        model.cam_pos[model.cam(self.camera).id] = self._mount + (
            reality.camera_forward_m,
            reality.camera_left_m,
            reality.camera_up_m,
        )
        model.geom_matid[model.geom(self.ground).id] = model.mat(f'floor_{reality.floor}').id
        from_above = 1.0 - reality.side_light
        model.light_diffuse[model.light('lamp').id] = self._lamp * from_above
        model.light_diffuse[model.light('window').id] = reality.side_light * _EVENING
        model.vis.headlight.diffuse[:] = self._headlight * from_above
        self._load(reality.payload_kg)

    def _load(self, mass_kg: float) -> None:
        model, payload = self.model, self.model.body(self.payload).id
        share = max(mass_kg, _LEAST_KG) / float(model.body_mass[payload])
        if share == 1.0:
            return
        model.body_mass[payload] *= share
        model.body_inertia[payload] *= share
        model.geom_rgba[model.body_geomadr[payload], 3] = float(mass_kg > 0.0)
        extent = model.stat.extent  # the camera's near and far ends hang on it
        mujoco.mj_setConst(model, mujoco.MjData(model))
        model.stat.extent = extent

    # ---- sensors ---------------------------------------------------------------------------

    def _sensors(self) -> dict[str, Callable[[Stream], np.ndarray]]:
        """How each kind of stream is read, beside pictures and joints."""
        return {'depth': self._depth}

    def sense(self, stream: Stream) -> np.ndarray:
        """What a sensor reads, as its kind has it.

        Raises:
            BodyError: the robot has no sensor of this kind.
        """
        sensors = self._sensors()
        if stream.kind not in sensors:
            raise BodyError(
                f'streams.{stream.name}: the simulated {self.called} has no sensor of kind '
                f'{stream.kind!r}; it has image, {", ".join(sensors)} and joints'
            )
        return sensors[stream.kind](stream)

    def _depth(self, stream: Stream) -> np.ndarray:
        """Distances along the line of sight as the kind depth has them, uint8 [h, w, 3]."""
        near, far = dict(stream.options)['range']
        renderer = self._renderer(*stream.shape[:2])
        renderer.enable_depth_rendering()
        renderer.update_scene(self.data, camera=self.camera)
        metres = renderer.render()
        renderer.disable_depth_rendering()
        share = (np.clip(metres, near, far) - near) / (far - near)
        grey = (1 + np.rint(_DEPTH_STEPS * share)).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)

    # ---- what is earned, and the end -------------------------------------------------------

    def _rate(self) -> float:
        """How good it is to be here; the reward of a frame is its change."""
        raise NotImplementedError

    def _begin(self) -> None:
        """Everything is in place: an episode begins."""
        self._outcome, self._reward = '', 0.0
        self._potential = self._rate()

    def _earn(self) -> None:
        """A frame is over."""
        potential = self._rate()
        self._reward, self._potential = potential - self._potential, potential

    def reward(self) -> float:
        """What the last frame brought."""
        return self._reward

    def terminal(self) -> bool:
        """Whether the task is done, or failed."""
        return bool(self._outcome)

    def outcome(self) -> str:
        """`success`, a failure, or nothing yet."""
        return self._outcome

    def _end(self, outcome: str, brings: float) -> None:
        """The task is over; everything stands still from now on."""
        self._outcome = outcome
        self._reward += brings


def own_scene(name: str) -> str:
    """Path of a model of this folder."""
    return str(Path(__file__).with_name(name))
