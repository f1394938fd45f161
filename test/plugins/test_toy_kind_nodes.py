# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Agent, guard and recorder with kinds of another package: ticks, commands and a bag."""

from __future__ import annotations

import time

import numpy as np
import pytest
import toy_robot

pytest.importorskip('rclpy')

import robot_processes
from sensor_msgs.msg import JointState, Temperature
from std_msgs.msg import Float64MultiArray

from world_model_ros.contract import load_contract
from world_model_ros.experience import check_episode, to_arrays
from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros
NAMES = ['left', 'right']
TICKS = 20
TOPICS = frozenset({'/joint_states', '/oven/temperature'})


class Driver:
    """Publishes both streams whenever it is asked, and hears commands."""

    def __init__(self, robot):
        self.robot, self.commands, self.degrees = robot, [], 20.0
        node, qos = robot.node, _common.SENSOR_QOS
        self.joints = node.create_publisher(JointState, 'joint_states', qos)
        self.oven = node.create_publisher(Temperature, 'oven/temperature', qos)
        node.create_subscription(
            Float64MultiArray, 'wheels/command', self.commands.append, _common.RELIABLE_QOS
        )
        node.create_timer(0.02, self.turn)

    def turn(self):
        stamp = _common.to_time(time.time_ns())
        joints = JointState(name=NAMES, position=[0.1, 0.2], velocity=[0.0, 0.0])
        joints.header.stamp = stamp
        self.joints.publish(joints)
        self.degrees += 0.01
        oven = Temperature(temperature=self.degrees)
        oven.header.stamp = stamp
        self.oven.publish(oven)


def test_nodes_explore_and_record_with_kinds_of_another_package(toy, tmp_path, domain):
    text = toy_robot.FILE.read_text().replace('segment_ticks: 50', f'segment_ticks: {TICKS}')
    text = text.replace('{source: sim_time}', '{source: timer}').replace(
        'rate: 10.0', 'rate: 50.0'
    )
    path = tmp_path / 'toy.yaml'
    path.write_text(text)
    contract = load_contract(path)
    episodes = tmp_path / 'episodes'
    with robot_processes.Robot(domain, tmp_path) as robot:
        driver = Driver(robot)
        robot.start('recorder', contract=path, directory=episodes)
        robot.start('guard', contract=path)
        robot.start('agent', contract=path, explore=True)
        robot.listen()
        robot.until_recorder_hears(TOPICS)
        robot.activate()
        robot.until(lambda: any(any(c.data) for c in driver.commands), 'a command that moves')

        def whole():
            """An episode that began after the robot was commanded and has ended."""
            return next((t.episode for t in robot.ticks if t.last and t.sent.any()), None)

        uuid = robot.until(whole, 'a whole episode')
        robot.until(lambda: (episodes / uuid).is_dir(), 'a sealed episode')
    for command in driver.commands:
        assert [dimension.label for dimension in command.layout.dim] == NAMES
        assert np.all(command.data >= contract.low) and np.all(command.data <= contract.high)
    assert check_episode(episodes / uuid, rebuilt=True) == []
    arrays = to_arrays(episodes / uuid)
    assert arrays['observed'].any() and (arrays['obs_oven'][arrays['observed']] >= 20.0).all()
    assert np.abs(arrays['action_sent']).max() > 0.0


def test_a_guard_without_the_plugin_does_not_start_and_says_why(fresh, tmp_path, domain):
    with robot_processes.Robot(domain, tmp_path) as robot:
        robot.start('guard', contract=toy_robot.FILE)
        process = robot.processes['guard']
        robot.until(lambda: process.poll() is not None, 'the end of the guard')
        log = robot.logs()
    assert process.returncode != 0 and 'Traceback' not in log
    assert "action.kind is 'velocity_array'; expected one of effort, velocity" in log
