# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recorder as a process of its own, listening to real topics on this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

import counter
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)

from world_model_ros.contract import parse_contract
from world_model_ros.experience import (
    EpisodeReader,
    check_episode,
    list_episodes,
    parity,
)
from world_model_ros.nodes._message_class import message_class
from world_model_ros.nodes.recorder_topics import wanted_topics
from world_model_ros.telemetry.present_faults import find_faults
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView

pytestmark = pytest.mark.ros
LATCHED = QoSProfile(
    depth=1,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    reliability=ReliabilityPolicy.RELIABLE,
)
QOS = {'episode': LATCHED, 'stream.camera': qos_profile_sensor_data}


class Robot:
    """Publishes the counter environment's bytes and hears what the recorder reports."""

    def __init__(self, domain: int) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node('counter_robot', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.publishers = {
            role: self.node.create_publisher(
                message_class(topic.type), topic.name, QOS.get(role, 100)
            )
            for role, topic in counter.TOPICS.items()
        }
        self.status: dict[str, str] = {}
        self.level = b'\x00'
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_status, 10)

    def _on_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == '/recorder':
                self.level = status.level
                self.status = {pair.key: pair.value for pair in status.values}
                self.status['text'] = status.message

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f'waited for {what}; last report {self.status}'
            self.executor.spin_once(timeout_sec=0.05)

    def heard(self, but: tuple[str, ...] = ()) -> bool:
        return all(
            p.get_subscription_count() for role, p in self.publishers.items() if role not in but
        )

    def play(self, uuid: str, ticks: int, **options: Any) -> None:
        self.publishers['episode'].publish(counter.announcement(uuid))
        for message in counter.run(ticks, uuid, **options):
            self.publishers[message.role].publish(message.cdr)
            if message.role == 'tick':
                self.executor.spin_once(timeout_sec=0.005)

    def close(self) -> None:
        self.node.destroy_node()
        self.context.shutdown()


@pytest.fixture
def robot(domain: int) -> Iterator[Robot]:
    robot = Robot(domain)
    yield robot
    robot.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    children = []

    def run(**parameters: object) -> subprocess.Popen:
        given = {'contract': 'reacher', 'robot_id': 'node-1', 'directory': str(tmp_path)}
        command = [sys.executable, '-m', 'world_model_ros.nodes.recorder', '--ros-args']
        for name, value in {**given, **parameters}.items():
            command += ['-p', f'{name}:={value}']
        children.append(subprocess.Popen(command))
        return children[-1]

    yield run
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait(10)


def test_two_episodes_are_recorded_and_rebuilt(
    robot: Robot, start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    recorder = start()
    robot.wait(robot.heard, 'subscriptions')
    robot.play('first', 40)
    robot.play('second', 20)
    robot.wait(lambda: robot.status.get('episodes') == '2', 'two sealed episodes')
    assert robot.level == b'\x00'
    assert robot.status['last_episode'].endswith('second')
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(60) == 0
    first, second = sorted(list_episodes(tmp_path))
    for path, ticks in ((first, 40), (second, 20)):
        report = parity(path)
        # The camera is best effort: a lost picture is counted, never replaced.
        assert (report.ticks, report.different) == (ticks, 0)
        assert report.rebuilt + report.unrebuilt == ticks and report.rebuilt >= 0.9 * ticks
        assert not [p for p in check_episode(path) if 'lost' not in p]
    reader = EpisodeReader(second)
    assert reader.info.uuid == 'second' and reader.info.robot_id == 'counter-1'
    assert json.loads(reader.info.announced)['clock'] == 'lockstep'
    assert reader.topics['/camera/image_raw'].qos[0].reliability == 'best_effort'
    assert reader.topics['/joint_states'].qos[0].reliability == 'reliable'
    assert reader.topics['/agent/episode'].qos[0].durability == 'transient_local'


def recorded_as(how: str) -> str:
    """The reacher's file with the camera recorded otherwise."""
    return counter.contract().text.replace('kind: image', f'kind: image\n    {how}')


def test_model_input_is_recorded_small_and_rebuilt(
    robot: Robot, start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    file = tmp_path / 'small.yaml'
    text = recorded_as('record: model_input').replace('topic: cam', 'topic: /cam')
    file.write_text(text)  # an absolute topic is recorded and found as a relative one
    folder = tmp_path / 'episodes'
    recorder = start(contract=file, directory=folder)
    robot.wait(robot.heard, 'subscriptions')
    noise = np.random.default_rng(0).integers(0, 256, (30, 128, 128, 3), np.uint8)
    robot.play('small', 30, draw=lambda k: noise[k])
    robot.wait(lambda: robot.status.get('episodes') == '1', 'the sealed episode')
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(60) == 0
    reader = EpisodeReader(folder / 'small')
    assert '/camera/image_raw' not in reader.topics
    topic = reader.topics['/camera/image_raw/model_input']
    assert topic.type == 'sensor_msgs/msg/Image' and topic.qos[0].reliability == 'best_effort'
    assert all(len(m.data) < 13_000 for m in reader.messages({topic.name}))
    report = parity(reader)
    # The camera is best effort: a lost picture is counted, never replaced.
    assert (report.ticks, report.different, report.approximate) == (30, 0, 0)
    assert report.rebuilt + report.unrebuilt == 30 and report.rebuilt >= 27


@pytest.mark.parametrize('record', ['compressed', 'model_input'])
def test_what_no_tick_could_find_again_is_refused(record: str) -> None:
    contract = parse_contract(recorded_as(f'record: {record}\n    stamp: receive'))
    with pytest.raises(ValueError, match=rf'streams.camera.record is {record}.*stamp: header'):
        wanted_topics(contract, clock=False)


def test_a_killed_recorder_is_recovered_by_the_next(
    robot: Robot, start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    recorder = start()
    robot.wait(robot.heard, 'subscriptions')
    messages = counter.run(100, 'cut')
    robot.publishers['episode'].publish(counter.announcement('cut'))
    for message in messages:
        robot.publishers[message.role].publish(message.cdr)
        if message.role == 'tick' and int(robot.status.get('ticks', 0)) >= 30:
            break
        if message.role == 'tick':
            robot.executor.spin_once(timeout_sec=0.04)
    # Two reports after the thirtieth tick, its bytes are flushed.
    recorder.kill()
    recorder.wait(10)
    assert [path.name for path in tmp_path.iterdir()] == ['cut.active']
    again = start()
    robot.wait(lambda: (tmp_path / 'cut').is_dir(), 'the leftover being sealed')
    assert EpisodeReader(tmp_path / 'cut').end.status == 'incomplete'
    assert parity(tmp_path / 'cut').different == 0
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 0


def test_too_little_space_is_an_error_report_and_the_recorder_lives(
    robot: Robot, start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    recorder = start(min_free_mb=1 << 40)
    robot.wait(robot.heard, 'subscriptions')
    robot.play('refused', 5)
    robot.wait(lambda: robot.level == b'\x02', 'an ERROR')
    assert 'MiB free' in robot.status['text']
    view = RobotView({'recorder': NodeStatus(robot.level[0], robot.status['text'], {})})
    [shown] = find_faults(view, [])
    assert shown.now and 'recorder: ' in str(shown) and 'MiB free' in str(shown)
    assert not list_episodes(tmp_path, active=True)
    assert recorder.poll() is None
