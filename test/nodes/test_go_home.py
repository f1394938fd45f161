# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A person resets a real robot: go_home, confirm, a slow way through the guard, and its record."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnxruntime')

import robot_processes
from std_msgs.msg import String

from world_model_ros.bench.chaos.driven_arm import driven_arm
from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros


def test_it_goes_home_when_confirmed_and_the_records_say_so(tmp_path, domain):
    path = tmp_path / 'robot.yaml'
    path.write_text(driven_arm(cameras=False, home_speed=0.8))
    with robot_processes.Robot(domain, tmp_path) as robot:
        robot.listen()
        arm = {}
        robot.node.create_subscription(
            String,
            'unfriendly_arm/status',
            lambda message: arm.update(json.loads(message.data)),
            _common.LATCHED_QOS,
        )
        robot.start('unfriendly_arm', contract=path)
        robot.start('guard', contract=path)
        robot.start('agent', contract=path, explore=True)  # in shadow
        robot.until(lambda: len(robot.ticks) > 10 and arm, 'ticks in shadow')
        answer = robot.call('guard/go_home')
        assert not answer.success and 'inactive' in answer.message
        robot.activate_guard()
        robot.until(lambda: robot.sent, 'an active guard')

        answer = robot.call('guard/confirm')
        assert not answer.success and 'nothing to confirm' in answer.message
        said = []

        def offered():
            said.append(robot.call('guard/go_home'))
            return said[-1].success

        robot.until(offered, 'a guard that may move the robot')  # not at once when activated
        assert 'j1 ' in said[-1].message and 'guard/confirm' in said[-1].message
        assert robot.call('guard/confirm').success
        robot.until(lambda: any(source == 'home' for _, source, _ in robot.sent), 'the way home')
        robot.until(lambda: robot.sent[-1][1] != 'home', 'home')
        robot.until(lambda: np.all(np.abs(arm['position']) < 0.03), 'an arm at home')
        assert arm['fault_count'] == 0

        def recorded():
            ticks = [tick for tick in robot.ticks if tick.source == 'home']
            marked = {e['uuid'] for e in robot.announced if e['marks']}
            return ticks and ticks[-1].episode in marked and all(t.intervention for t in ticks)

        robot.until(recorded, 'records and a mark')
