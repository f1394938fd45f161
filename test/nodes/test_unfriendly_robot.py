# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A whole robot that forgives nothing: shadow, acting, stop, recovery, recording.

Real processes in real time: the unfriendly arm with its driver, guard, agent, recorder. What is
learned from an arm: test_own_robot.py.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

import robot_processes
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.experience import check_episode, list_episodes, to_arrays
from world_model_ros.nodes import _common
from world_model_ros.store import open_store

pytestmark = pytest.mark.ros
CHUNKS = {'chunk', 'chunk_rest'}


def slower_cameras(folder):
    """The arm's robot file for a busy machine with two cores: pictures at 10 Hz."""
    text = find_robot('unfriendly_arm').read_text()
    text = text.replace('rate: 30.0', 'rate: 10.0').replace('max_age: 0.1', 'max_age: 0.3')
    text = text.replace('max_age: 0.03', 'max_age: 0.1').replace(
        'period: 0.033333333', 'period: 0.1'
    )
    text = text.replace('segment_ticks: 900', 'segment_ticks: 40')
    path = folder / 'arm.yaml'
    path.write_text(text)
    return path


class Lab:
    """The arm and what is heard of it."""

    def __init__(self, robot, path):
        self.robot, self.path, self.contract = robot, path, load_contract(path)
        self.commands, self.driver, self.guard = [], {}, {}
        node, qos = robot.node, _common.RELIABLE_QOS
        node.create_subscription(JointState, 'command', self.on_command, qos)
        node.create_subscription(
            String, 'unfriendly_arm/status', lambda m: self.driver.update(json.loads(m.data)), qos
        )
        node.create_subscription(
            String, 'guard/status', lambda m: self.guard.update(json.loads(m.data)), qos
        )
        robot.listen()

    def on_command(self, message):
        self.commands.append(np.array(message.position))

    def set(self, **parameters):
        request = SetParameters.Request(
            parameters=[Parameter(n, value=v).to_parameter_msg() for n, v in parameters.items()]
        )
        answer = self.robot.call('unfriendly_arm/set_parameters', SetParameters, request)
        assert all(result.successful for result in answer.results), answer

    def moved(self, since):
        """How far the commands have gone since that one."""
        return (
            np.ptp(np.array(self.commands[since:]), axis=0).max() if self.commands[since:] else 0
        )

    def until_moving(self):
        seen = len(self.commands)
        self.robot.until(lambda: self.moved(seen) > 0.01, 'motion')


def test_an_arm_under_gravity_is_recorded_without_a_fault_of_its_driver(tmp_path, domain):
    path = slower_cameras(tmp_path)
    store = tmp_path / 'store'
    open_store(store, create=True)
    with robot_processes.Robot(domain, tmp_path) as robot:
        lab = Lab(robot, path)
        common = {'contract': path, 'robot_id': 'arm1'}
        robot.start('unfriendly_arm', contract=path, camera_rate=10.0)
        robot.start('recorder', directory=tmp_path / 'episodes', store=store, **common)
        robot.start('guard', **common)
        robot.start('agent', explore=True, **common)

        # In shadow nothing is published; what another controller commands is what happened.
        robot.until(lambda: len(robot.ticks) > 5 and lab.guard, 'ticks in shadow')
        assert not lab.commands and robot.node.count_publishers('command') == 0
        lab.set(foreign='sends')
        foreign = robot.until(
            lambda: next((t for t in robot.ticks if t.source == 'foreign'), None), 'its ticks'
        )
        assert foreign.intervention and foreign.sent.any()
        assert not robot.change_state(3)
        robot.until(lambda: 'other_controller' in lab.guard['refusal'], 'the refusal by name')
        lab.set(foreign='none')
        robot.until(lambda: not robot.node.count_publishers('command'), 'a free topic')

        # It acts, stops, and recovers.
        robot.activate()
        lab.until_moving()
        assert robot.call('guard/stop').success
        robot.until(lambda: robot.sent[-1][1] == 'stopped', 'stopped')
        seen = len(lab.commands)
        robot.until(lambda: len(lab.commands) > seen + 60, 'a second at rest')
        assert not np.any(np.diff(np.array(lab.commands[-20:]), axis=0))
        assert robot.call('guard/release_stop').success
        lab.until_moving()
        lab.set(drop_wrist_camera=True)
        robot.until(lambda: robot.sent[-1][1] == 'safe', 'rest without a camera')
        lab.set(drop_wrist_camera=False)
        lab.until_moving()
        robot.kill('guard')
        robot.until(lambda: robot.status('/agent')[0] == 2, 'ERROR of the agent')
        lab.guard.clear()
        robot.start('guard', **common)
        robot.until(lambda: lab.guard, 'the new guard')
        robot.until(lambda: robot.change_state(3), 'activation')
        lab.until_moving()
        assert robot.change_state(4)
        robot.until(lambda: not robot.node.count_publishers('command'), 'a free topic')
        assert lab.driver['fault_count'] == 0, lab.driver

        # It is recorded.
        robot.until(
            lambda: (
                list_episodes(tmp_path / 'episodes')
                and float(robot.values.get('/recorder', {}).get('shipped', 0)) >= 3
            ),
            'shipped segments',
            60.0,
        )
        assert robot.end('agent') == 0 and robot.end('recorder') == 0
    episodes = list_episodes(tmp_path / 'episodes')
    # In shadow from the start: the recorder may have come after the first messages.
    acting = [folder for folder in episodes if folder.name in robot.acting]
    assert acting
    found = [problem for folder in acting for problem in check_episode(folder, rebuilt=True)]
    # A busy machine may lose pictures on the way; they are counted and named.
    assert [problem for problem in found if 'lost on the way' not in problem] == []
    arrays = [to_arrays(folder) for folder in episodes]
    assert any(a['intervention'].any() for a in arrays) and any(a['explore'].any() for a in arrays)
