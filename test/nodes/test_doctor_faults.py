# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each of these faults is the first line of `doctor --contract`, with its remedy."""

from __future__ import annotations

import json
import re
import threading
import time
from itertools import count

import pytest

pytest.importorskip('rclpy')

import rclpy
import ros_domain
from sensor_msgs.msg import CompressedImage, Image, JointState
from typer.testing import CliRunner

from world_model_ros.cli import main
from world_model_ros.contract import load_contract
from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros
HOURS_NS = 3 * 3600 * 10**9
# Half of what the drivers send: a busy computer must not make them slow.
CONTRACT = """
format: 1
name: two_joints
control: {rate: 5.0, tick: {source: timer}, command_rate: 10.0, command_timeout: 0.5}
streams:
  camera: {kind: image, topic: camera/image_raw, rate: 5.0, max_age: 0.4, shape: [32, 32, 3]}
  joints:
    {kind: joints, topic: joint_states, rate: 10.0, max_age: 0.25, names: [a, b],
     fields: [position]}
action: {topic: command, kind: velocity, names: [a, b], low: [-1.0, -1.0], high: [1.0, 1.0],
         rate_limit: [1.0, 1.0], safe: zero}
reward: {topic: reward}
episode: {reset: none, segment_ticks: 100}
"""


class Driver:
    """A driver in a namespace that is called like its fault."""

    def __init__(self, context, fault):
        self.fault = fault
        self.node = rclpy.create_node('driver', context=context, namespace=fault)
        picture = CompressedImage if fault == 'wrong_type' else Image
        self.camera = self.node.create_publisher(picture, 'camera/image_raw', _common.SENSOR_QOS)
        self.joints = self.node.create_publisher(JointState, 'joint_states', _common.RELIABLE_QOS)
        reward_qos = _common.SENSOR_QOS if fault == 'best_effort' else _common.RELIABLE_QOS
        self.reward = self.node.create_publisher(JointState, 'reward', reward_qos)
        if fault == 'rival':
            self.rival = self.node.create_publisher(JointState, 'command', 10)
        command_qos = _common.LATCHED_QOS if fault == 'latched' else _common.RELIABLE_QOS
        if fault != 'deaf':
            self.node.create_subscription(
                JointState, 'command', lambda _message: None, command_qos
            )

    def turn(self, number):
        """Publish what is due in this twentieth of a second."""
        now_ns = time.time_ns()
        shift_ns = {'stamp_old': -HOURS_NS, 'stamp_ahead': 5 * 10**8}.get(self.fault, 0)
        stamp = _common.to_time(0 if self.fault == 'stamp_zero' else now_ns + shift_ns)
        others = {'missing_joint': ['a', 'c'], 'other_joints': ['x', 'y']}
        names = others.get(self.fault, ['a', 'b'])
        joints = JointState(name=names, position=[0.0, 0.0])
        joints.header.stamp = _common.to_time(now_ns)
        self.joints.publish(joints)
        if number % (10 if self.fault == 'slow' else 2):
            return
        if self.fault == 'wrong_type':
            picture = CompressedImage(format='jpeg', data=b'none')
        else:
            encoding = 'pink16' if self.fault == 'encoding' else 'rgb8'
            picture = Image(height=32, width=32, step=96, encoding=encoding)
            picture.data = bytes(32 * 96)
        picture.header.stamp = stamp
        self.camera.publish(picture)


LIVE = {
    'wrong_type': ['camera', 'CompressedImage', 'expected sensor_msgs/msg/Image'],
    'best_effort': ['qos', '/best_effort/reward', 'let the publisher be reliable'],
    'latched': ['qos', '/latched/command', 'subscriber volatile'],
    'stamp_zero': ['camera', 'before arrival', 'stamp: receive'],
    'stamp_old': ['camera', 'stamped 3.0 h before arrival', 'synchronise the clocks'],
    'stamp_ahead': ['camera', 's after arrival', 'synchronise the clocks'],
    'missing_joint': ['joints', "without ['b']", 'correct names in the contract'],
    'other_joints': ['joints', "with ['x', 'y'] and none", 'correct names in the contract'],
    'encoding': ['camera', "'pink16'", 'let the driver convert'],
    'slow': ['camera', 'the driver sends', 'correct rate in the contract'],
    'rival': ['commands', '/rival/driver has a publisher', 'end it before'],
    'deaf': ['driver', 'nobody subscribes to /deaf/command', 'start the driver'],
}


@pytest.fixture(scope='module')
def drivers():
    """One driver for each fault, and a sound one, in one domain; its number."""
    with ros_domain.claimed() as number:
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=number)
        fleet = [Driver(context, fault) for fault in ('sound', *LIVE)]
        end = threading.Event()

        def run():
            for turn in count():
                for driver in fleet:
                    driver.turn(turn)
                if end.wait(0.05):
                    return

        thread = threading.Thread(target=run)
        thread.start()
        yield number
        end.set()
        thread.join()
        for driver in fleet:
            driver.node.destroy_node()
        rclpy.try_shutdown(context=context)


@pytest.fixture(autouse=True)
def of_the_drivers(drivers, domain, monkeypatch):
    """What a test starts is in the domain of the drivers, not in one of its own."""
    monkeypatch.setenv('ROS_DOMAIN_ID', str(drivers))


@pytest.fixture
def doctor(tmp_path):
    """Run doctor on the robot of a namespace; the exit status and the lines."""
    path = tmp_path / 'two_joints.yaml'
    path.write_text(CONTRACT)

    def run(namespace='sound', *words):
        line = ['doctor', '--contract', str(path), '--namespace', namespace, '--seconds', '1.2']
        shown = CliRunner(env={'COLUMNS': '400'}).invoke(main.app, [*line, *words])
        assert shown.exception is None or isinstance(shown.exception, SystemExit), shown.output
        return shown.exit_code, shown.output.splitlines()

    return run


def test_a_sound_robot_is_well(doctor):
    status, lines = doctor('sound')
    assert status == 0 and not any(line.startswith(('BAD', 'WARN')) for line in lines), lines
    assert any('no controller manager' in line for line in lines)


@pytest.mark.parametrize('fault', LIVE)
def test_a_fault_of_the_live_robot_is_the_first_line(doctor, fault):
    status, lines = doctor(fault)
    what, *words = LIVE[fault]
    mark = 'WARN' if fault == 'rival' else 'BAD'  # while one watches in shadow, a rival is right
    assert lines[0].split()[:2] == [mark, what], lines[:3]
    assert all(word in lines[0] for word in words), lines[0]
    assert status == (0 if fault == 'rival' else 1)
    assert not any(line.startswith(('BAD', 'WARN')) for line in lines[1:]), lines


@pytest.mark.parametrize(
    'words, what, remedy',
    [
        (['--bundle', 'reacher'], 'bundle', 'made for another interface'),
        (['--store', 'no/such/folder'], 'store', 'is the disk mounted?'),
        (['--provider', 'tensorrt'], 'provider', 'set provider to auto or cpu'),
        (['--min-free-mb', '1000000000'], 'disk', 'make room'),
    ],
)
def test_a_fault_of_computer_or_files_is_the_first_line(doctor, words, what, remedy):
    status, lines = doctor('sound', *words)
    assert status == 1 and lines[0].split()[:2] == ['BAD', what] and remedy in lines[0], lines[:2]
    assert not lines[1].startswith(('BAD', 'WARN'))


def test_no_discovery_and_another_domain_are_the_first_line(drivers, domain, doctor, monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'OFF')
    status, lines = doctor('sound')
    assert status == 1 and lines[0].startswith('BAD  discovery') and 'LOCALHOST' in lines[0]
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain))
    status, lines = doctor('sound')
    assert status == 1 and lines[0].startswith('BAD  graph'), lines[0]
    assert f'no other node in domain {domain} ' in lines[0]
    assert re.search(rf'DDS ports of domain ([0-9]+, )*{drivers}\b', lines[0]), lines[0]


def test_the_same_as_json(tmp_path):
    path = tmp_path / 'two_joints.yaml'
    path.write_text(CONTRACT)
    shown = CliRunner().invoke(
        main.app,
        ['doctor', '--json', '--contract', str(path), '--namespace', 'deaf', '--seconds', '0.5'],
    )
    told = json.loads(shown.output)
    first = told['findings'][0]
    assert not told['well'] and first['mark'] == 'BAD' and first['what'] == 'driver'


def test_a_first_contract_is_written_from_the_live_topics(tmp_path):
    out = tmp_path / 'drafted.yaml'
    line = ['contract', 'init', '--from-topics', '--out', str(out), '--json']
    shown = CliRunner().invoke(main.app, [*line, '--namespace', 'sound', '--seconds', '2.5'])
    told = json.loads(shown.output)
    contract = load_contract(out)
    assert told['problems'] == [] and told['streams'] == ['camera', 'joints']
    assert contract.stream('camera').topic == 'camera/image_raw'
    assert contract.stream('joints').names == ('a', 'b')
    assert contract.groups[0].topic == 'command' and 'action.topic' in told['check']
