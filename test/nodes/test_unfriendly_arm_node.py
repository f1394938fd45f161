# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The unfriendly arm as a process: parts, pictures, commands, and faults that change meanwhile."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

import robot_processes
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from world_model_ros.contract import load_contract
from world_model_ros.nodes import _common, _unfriendly_faults
from world_model_ros.nodes._message_class import message_class
from world_model_ros.wire.command_codec import encoder

pytestmark = pytest.mark.ros
NAMES = list(load_contract('unfriendly_arm').action.names)
DOCS = Path(__file__).resolve().parents[2] / 'docs' / 'reference' / 'unfriendly_arm.md'


class Ears:
    """Everything that the arm says, and a command for it."""

    def __init__(self, robot):
        self.robot, self.contract = robot, load_contract('unfriendly_arm')
        self.joints, self.pictures, self.clock, self.status = {}, {}, None, {}
        node = robot.node
        node.create_subscription(JointState, 'joint_states', self.on_joints, _common.SENSOR_QOS)
        for name in ('camera', 'wrist_camera'):
            node.create_subscription(
                Image,
                f'{name}/image_raw',
                lambda message, name=name: self.pictures.__setitem__(name, message),
                _common.SENSOR_QOS,
            )
        node.create_subscription(Clock, '/clock', self.on_clock, 10)
        node.create_subscription(
            String, 'unfriendly_arm/status', self.on_status, _common.LATCHED_QOS
        )
        self.command = node.create_publisher(
            message_class(self.contract.groups[0].type), 'command', _common.RELIABLE_QOS
        )
        robot.start('unfriendly_arm', joint_rate=60.0, camera_rate=10.0)
        robot.until(lambda: self.status and len(self.pictures) == 2, 'the arm')
        robot.until(self.command.get_subscription_count, "the arm's driver")

    def on_joints(self, message):
        self.joints[tuple(message.name)] = message

    def on_clock(self, message):
        self.clock = _common.to_ns(message.clock)

    def on_status(self, message):
        self.status = json.loads(message.data)

    def set(self, **parameters):
        request = SetParameters.Request(
            parameters=[Parameter(n, value=v).to_parameter_msg() for n, v in parameters.items()]
        )
        answer = self.robot.call('unfriendly_arm/set_parameters', SetParameters, request)
        return [result.reason for result in answer.results if not result.successful]

    def send(self, values):
        encode = encoder(self.contract.groups[0])
        self.command.publish(encode(time.time_ns(), np.asarray(values, float)))

    def newest(self, kind):
        """Wait for a message that is sent from now on."""
        store = {'joints': self.joints, 'pictures': self.pictures}[kind]
        store.clear()
        self.robot.until(lambda: len(store) == 2, kind)
        return store


def age_s(message):
    return time.time() - _common.to_ns(message.header.stamp) * 1e-9


def test_it_speaks_in_parts_and_its_faults_change_while_it_runs(tmp_path, domain):
    with robot_processes.Robot(domain, tmp_path) as robot:
        arm = Ears(robot)
        assert set(arm.newest('joints')) == {tuple(NAMES[:4]), tuple(NAMES[4:])}
        assert robot.node.count_publishers('joint_states') == 2
        assert not robot.node.count_publishers('command') - 1  # this test's own
        for picture in arm.newest('pictures').values():
            assert (picture.height, picture.width, picture.encoding) == (480, 640, 'bgr8')
            assert abs(age_s(picture)) < 5.0
        for publisher in robot.node.get_publishers_info_by_topic('camera/image_raw'):
            assert publisher.qos_profile.reliability == rclpy.qos.ReliabilityPolicy.BEST_EFFORT

        # A command is followed; the arm hangs below it.
        target = np.array(arm.status['target'])
        before = bytes(arm.pictures['camera'].data)
        for _ in range(30):
            target = target + 0.0005
            arm.send(target)
            robot.until(lambda: arm.status, 'time', 0.2)
        robot.until(
            lambda: np.allclose(np.array(arm.status['position']), target - 0.01, atol=1e-3),
            'the arm below its target',
        )
        assert not arm.status['fault']
        robot.until(lambda: bytes(arm.pictures['camera'].data) != before, 'another picture')

        # Faults of the streams.
        assert arm.set(stamp='zero', nan_joint='j6', drop_joints='first') == []
        arm.joints.clear()
        robot.until(
            lambda: any(
                np.isnan(m.position[NAMES[4:].index('j6')])
                for n, m in arm.joints.items()
                if n == tuple(NAMES[4:])
            ),
            'a joint that is NaN',
        )
        arm.newest('pictures')
        assert _common.to_ns(arm.newest('pictures')['camera'].header.stamp) == 0
        assert tuple(NAMES[:4]) not in arm.joints
        assert arm.set(stamp='late_hours', nan_joint='', drop_joints='none') == []
        arm.newest('pictures')
        assert 10_700 < age_s(arm.newest('pictures')['camera']) < 10_900
        assert arm.set(nan_joint='j9')[0].startswith('nan_joint must be one of')
        assert arm.set(joint_rate=1.0)[0].startswith('joint_rate must be 30 to 500')

        # The clock of a simulator, its steps and its end.
        assert arm.set(stamp='good', clock='runs') == []
        robot.until(lambda: arm.clock, '/clock')
        then = arm.clock
        assert arm.set(clock_step=-100.0) == []
        robot.until(lambda: arm.clock < then, 'a step of the clock')
        assert arm.set(clock='paused', clock_step=0.0) == []
        robot.until(lambda: arm.clock == (then := arm.clock) and then, 'a paused clock')

        # Another controller, first silent.
        assert arm.set(clock='none', foreign='silent') == []

        def senders() -> set[str]:
            return {i.node_name for i in robot.node.get_publishers_info_by_topic('command')}

        # A publisher is discovered before the name of its node.
        robot.until(lambda: 'other_controller' in senders(), 'other_controller')
        assert not arm.status['foreign_sent']
        assert arm.set(foreign='sends') == []
        robot.until(lambda: arm.status['foreign_sent'] > 5, 'commands of other_controller')
        assert arm.set(foreign='none') == []
        robot.until(lambda: robot.node.count_publishers('command') == 1, 'its end')
        assert not arm.status['fault']

        # A hand, brakes, and the driver's fault.
        assert arm.set(out_of_box='j2') == []
        high = arm.contract.action.high[1]
        robot.until(lambda: arm.status['position'][1] > high + 0.09, 'a joint out of the box')
        assert arm.set(out_of_box='') == []
        assert robot.call('hardware_stop').success
        robot.until(lambda: arm.status['hardware_stopped'], 'brakes')
        assert robot.call('hardware_release').success
        robot.until(lambda: not arm.status['hardware_stopped'], 'no brakes')
        arm.send(np.array(arm.status['position']) - 0.3)
        robot.until(lambda: arm.status['fault_count'] == 1, 'a fault')
        assert 'first command' in arm.status['fault']
        assert robot.call('clear_fault').success
        robot.until(lambda: not arm.status['fault'], 'no fault')
        assert robot.end('unfriendly_arm') == 0


def test_the_page_lists_every_fault():
    page = DOCS.read_text()
    for name, fault in _unfriendly_faults.FAULTS.items():
        assert f'| `{name}` |' in page, name
        assert fault.meaning
