# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a simulated base measures beside its camera: its wheels, and distances all around.

Arrays come out as the streams of a contract want them. Must not import onboard, nodes, torch or
rclpy.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from world_model_ros.contract import Stream
from world_model_ros.contract.kinds import stream_kind

RAYS_PER_BEAM = 5  # a beam is the nearest of them, as of a real scanner's many readings


class WheelOdometry:
    """Where a base believes to be by its two wheels, which it takes never to slip."""

    def __init__(self, wheel_radius_m: float, track_m: float, frame_s: float) -> None:
        self._radius_m, self._track_m, self._frame_s = wheel_radius_m, track_m, frame_s
        self.restart(np.zeros(2))

    def restart(self, turned: np.ndarray) -> None:
        """Here is the origin; the wheels stand at these angles [2] rad, left and right."""
        self._turned = turned
        self.x = self.y = self.yaw = self.forward = self.turning = 0.0

    def count(self, turned: np.ndarray) -> None:
        """A frame later the wheels stand at these angles."""
        left, right = (turned - self._turned) * self._radius_m
        self._turned = turned
        way, turn = float(left + right) / 2, float(right - left) / self._track_m
        middle = self.yaw + turn / 2
        self.x += way * math.cos(middle)
        self.y += way * math.sin(middle)
        self.yaw = math.remainder(self.yaw + turn, 2 * math.pi)
        self.forward, self.turning = way / self._frame_s, turn / self._frame_s

    def array(self, stream: Stream) -> np.ndarray:
        """The numbers that a stream of kind odometry chooses, float32 [n]."""
        known = {
            'position.x': self.x,
            'position.y': self.y,
            'yaw': self.yaw,
            'orientation.z': math.sin(self.yaw / 2),
            'orientation.w': math.cos(self.yaw / 2),
            'linear.x': self.forward,
            'angular.z': self.turning,
        }
        labels = stream_kind(stream.kind).labels(stream)
        return np.array([known.get(label, 0.0) for label in labels], np.float32)


def scan(
    model: mujoco.MjModel, data: mujoco.MjData, site: str, stream: Stream, groups: np.ndarray
) -> np.ndarray:
    """Nearest reading of each beam of a scanner at a site, float32 [beams] m.

    `groups` uint8 [6] says which groups of geoms it sees: not those of the robot itself.
    """
    options = dict(stream.options)
    near, far = options['range']
    low, high = options.get('angles', (-math.pi, math.pi))
    count = stream.shape[0] * RAYS_PER_BEAM
    angles = low + (np.arange(count) + 0.5) * (high - low) / count
    turn = data.site(site).xmat.reshape(3, 3)
    rays = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(count)]) @ turn.T
    begin = data.site(site).xpos
    hit: np.ndarray = np.zeros(1, np.int32)
    read = np.array([mujoco.mj_ray(model, data, begin, ray, groups, 1, -1, hit) for ray in rays])
    metres = np.where(read < 0.0, far, read)  # -1: it hits nothing
    return np.clip(metres, near, far).reshape(-1, RAYS_PER_BEAM).min(1).astype(np.float32)
