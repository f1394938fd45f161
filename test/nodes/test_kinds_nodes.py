# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Agent, guard and recorder of a robot with every kind of stream, commanded by TwistStamped."""

from __future__ import annotations

import time

import kind_robot
import numpy as np
import pytest

pytest.importorskip('rclpy')

import robot_processes
import ros_messages
from geometry_msgs.msg import TwistStamped

from world_model_ros.experience import check_episode, to_arrays
from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros
DOMAIN = 117
TICKS = 15
ROBOT = kind_robot.ROBOT


class Driver:
    """Publishes all streams at 20 Hz, and hears commands."""

    def __init__(self, robot):
        self.commands, self.turns = [], 0
        self.publishers = {
            name: robot.node.create_publisher(
                type(message), ROBOT.stream(name).topic, _common.SENSOR_QOS
            )
            for name, (message, _) in ros_messages.messages(0).items()
        }
        robot.node.create_subscription(
            TwistStamped, ROBOT.groups[0].topic, self.commands.append, _common.RELIABLE_QOS
        )
        robot.node.create_timer(0.05, self.turn)

    def turn(self):
        self.turns += 1
        for name, (message, _) in ros_messages.messages(time.time_ns(), self.turns % 9).items():
            self.publishers[name].publish(message)


def test_nodes_see_command_and_record_a_robot_of_every_kind(tmp_path):
    path = tmp_path / 'kinds.yaml'
    path.write_text(ROBOT.text.replace('segment_ticks: 100', f'segment_ticks: {TICKS}'))
    episodes = tmp_path / 'episodes'
    topics = frozenset(f'/{stream.topic}' for stream in ROBOT.streams)
    with robot_processes.Robot(DOMAIN, tmp_path) as robot:
        driver = Driver(robot)
        robot.start('recorder', contract=path, directory=episodes)
        robot.start('guard', contract=path)
        robot.start('agent', contract=path, explore=True)
        robot.listen()
        robot.until_recorder_hears(topics)
        robot.until(lambda: any(tick.valid for tick in robot.ticks), 'a valid tick in shadow')
        assert driver.commands == []
        robot.activate()
        robot.until(
            lambda: any(c.twist.linear.x or c.twist.angular.z for c in driver.commands),
            'a command that moves',
        )

        def whole():
            """An episode that began after the robot was commanded and has ended."""
            return next((t.episode for t in robot.ticks if t.last and t.sent.any()), None)

        uuid = robot.until(whole, 'a whole episode', 40.0)
        robot.until(lambda: (episodes / uuid).is_dir(), 'a sealed episode')
    for command in driver.commands:
        assert abs(command.twist.linear.x) <= 0.5 and abs(command.twist.angular.z) <= 1.0
        assert command.twist.linear.y == command.twist.angular.x == 0.0
    assert check_episode(episodes / uuid, rebuilt=True) == []
    arrays = to_arrays(episodes / uuid)
    seen = arrays['observed']
    assert seen.sum() > TICKS // 2
    assert set(np.unique(arrays['obs_packed'][seen])) <= set(range(60, 69))
    assert set(np.unique(arrays['obs_depth'][seen])) == {128}
    np.testing.assert_allclose(arrays['obs_scan'][seen][:, 4:6], 1.5, atol=1.6)
    assert np.abs(arrays['action_sent']).max() > 0.0
