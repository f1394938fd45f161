# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated base without joints: commanded by a Twist, seen by odometry, scan and depth."""

from __future__ import annotations

import math

import kind_robot
import numpy as np

from world_model_ros.robots import make_env

SENSED = ('camera', 'depth', 'odometry', 'scan', 'imu')


def contract():
    """The robot of every kind, without the streams that this body has not."""
    gone = [s.name for s in kind_robot.ROBOT.streams if s.name not in SENSED]
    lines, keep = [], True
    for line in kind_robot.TEXT.splitlines():
        if line.startswith('  ') and not line.startswith('   '):
            keep = line.strip().split(':')[0] not in gone
        elif not line.startswith(' '):
            keep = True
        lines += [line] if keep else []
    text = '\n'.join(lines).replace(
        'command_timeout: 0.3', 'command_timeout: 0.3, frames_per_tick: 2'
    )
    return kind_robot.parse_contract(text)


class Base:
    """A point that drives in the plane; a wall stands 3 m ahead of where it began."""

    frame_s = 0.05
    actuators = ('linear.x', 'angular.z')
    command_kinds = ('velocity',)

    def reset(self, rng):
        self.x = self.y = self.yaw = 0.0
        self.speed = np.zeros(2)

    def set_reality(self, reality):
        pass

    def apply(self, command):
        self.speed = np.array(command)

    def advance(self):
        self.yaw += self.speed[1] * self.frame_s
        self.x += self.speed[0] * math.cos(self.yaw) * self.frame_s
        self.y += self.speed[0] * math.sin(self.yaw) * self.frame_s

    def joints(self):
        return {}

    def render(self, camera, height, width):
        return np.full((height, width, 3), 128, np.uint8)

    def sense(self, stream):
        ahead = 3.0 - self.x
        near, far = dict(stream.options).get('range', (0.0, 1.0))
        grey = 1 + round(254 * (ahead - near) / (far - near))
        return {
            'depth': lambda: np.full(stream.shape, grey, np.uint8),
            'odometry': lambda: np.array([self.x, self.y, self.yaw, *self.speed], np.float32),
            'scan': lambda: np.full(stream.shape, ahead, np.float32),
            'imu': lambda: np.array([0, 0, 0, 1, 0, 0, self.speed[1], 9.81], np.float32),
        }[stream.name]()

    def reward(self):
        return float(self.speed[0])

    def terminal(self):
        return False

    def close(self):
        pass


def test_a_base_drives_and_is_seen_by_every_sensor():
    robot = contract()
    assert robot.joint_streams == () and {s.name for s in robot.streams} == set(SENSED)
    env = make_env(robot, 1, body=Base())
    first = step = env.reset()
    for _ in range(10):
        step = env.step([0.5, 0.0])
    assert step.observation.valid
    assert step.arrays['odometry'][0] > 0.25 and step.arrays['odometry'][3] == 0.5
    assert step.arrays['scan'][0] < first.arrays['scan'][0] - 0.25
    assert int(step.arrays['depth'][0, 0, 0]) < int(first.arrays['depth'][0, 0, 0])
    assert step.action_sent.tolist() == [0.5, 0.0]
    assert first.action_sent.tolist() == [0.0, 0.0]
