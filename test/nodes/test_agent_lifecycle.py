# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's states: no model, shadow, acting, and back; pictures; a reality that changes."""

from __future__ import annotations

import json

import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('mujoco')

import robot_processes
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import GetState
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros
CONTRACT = load_contract(find_robot('reacher'))


def state(robot):
    return robot.call('agent/get_state', GetState).current_state.label


def set_reality(robot, name):
    request = SetParameters.Request(
        parameters=[Parameter(name='reality', value=ParameterValue(type=4, string_value=name))]
    )
    return robot.call('sim_robot/set_parameters', SetParameters, request).results[0]


def test_agent_thinks_in_shadow_acts_when_activated_and_rests_when_deactivated(tmp_path, domain):
    bundle = robot_processes.tiny_bundle(tmp_path, CONTRACT)
    episodes, pictures = {}, []
    with robot_processes.Robot(domain, tmp_path) as robot:
        robot.start('sim_robot', contract='reacher')
        robot.start('guard', contract='reacher', use_sim_time=True)
        robot.start('agent', contract='reacher', use_sim_time=True, robot_id='r', bundle=bundle)
        robot.listen()
        robot.node.create_subscription(
            String,
            'agent/episode',
            lambda m: episodes.update({json.loads(m.data)['uuid']: json.loads(m.data)}),
            _common.LATCHED_QOS,
        )

        robot.until(lambda: len(robot.ticks) > 10, 'ticks in shadow')
        assert state(robot) == 'inactive'
        assert robot.node.count_publishers('command') == 0 and not robot.sent

        robot.activate()
        robot.until(lambda: robot.sent and robot.sent[-1][1] == 'chunk', 'acting')
        acting = robot.until(
            lambda: next(
                (t.episode for t in robot.ticks if episodes.get(t.episode, {}).get('acting')), None
            ),
            'an acting episode',
        )
        # The last tick of shadow may come after the announcement of what acts.
        shadow = robot.until(
            lambda: next((t for t in robot.ticks if t.last), None), 'its last tick'
        )
        assert shadow.truncated and shadow.episode != acting

        subscription = robot.node.create_subscription(Image, 'agent/imagined', pictures.append, 1)
        robot.until(lambda: pictures, 'a picture of what it imagines')
        height, width, _ = CONTRACT.stream('camera').shape
        assert (pictures[0].height, pictures[0].width % width) == (height, 0)
        assert pictures[0].width > width  # several steps, side by side
        robot.node.destroy_subscription(subscription)

        assert set_reality(robot, 'shifted_reacher').successful
        refused = set_reality(robot, 'no_such_reality')
        assert not refused.successful and 'no_such_reality' in refused.reason

        assert robot.change_state(Transition.TRANSITION_DEACTIVATE)
        robot.until(lambda: robot.sent[-1][1] == 'safe', 'the robot at rest')
        robot.until(lambda: not robot.node.count_publishers('command'), 'no publisher')
        seen, ticks = len(robot.sent), len(robot.ticks)
        robot.until(lambda: len(robot.ticks) > ticks + 10, 'ticks in shadow')
        assert len(robot.sent) == seen

        assert robot.change_state(Transition.TRANSITION_CLEANUP) and state(robot) == 'unconfigured'
        assert robot.change_state(Transition.TRANSITION_CONFIGURE)
        ticks = len(robot.ticks)
        robot.until(lambda: len(robot.ticks) > ticks + 5, 'ticks after a second configure')


def test_agent_with_a_damaged_bundle_stays_unconfigured_and_says_why(tmp_path, domain):
    bundle = robot_processes.tiny_bundle(tmp_path, CONTRACT)
    weights = bytearray((bundle / 'weights.bin').read_bytes())
    weights[3] ^= 1
    (bundle / 'weights.bin').write_bytes(weights)
    with robot_processes.Robot(domain, tmp_path) as robot:
        robot.start('agent', contract='reacher', robot_id='r', bundle=bundle)
        # The reason stands where an operator looks, not in a log alone.
        robot.until(lambda: 'unconfigured: ' in robot.status('/agent')[1], 'diagnostics')
        level, text = robot.status('/agent')
        assert level == int.from_bytes(_common.ERROR) and 'weights.bin' in text
        assert state(robot) == 'unconfigured'
        assert 'weights.bin' in robot.logs()
        assert robot.processes['agent'].poll() is None


def test_another_robots_guard_is_said_and_ends_no_agent(tmp_path, domain):
    bundle = robot_processes.tiny_bundle(tmp_path, CONTRACT)
    with robot_processes.Robot(domain, tmp_path) as robot:
        robot.start('sim_robot', contract='reacher')
        robot.start('agent', contract='reacher', use_sim_time=True, robot_id='r', bundle=bundle)
        robot.listen()
        robot.until(lambda: robot.ticks, 'ticks')
        stranger = robot.node.create_publisher(JointState, 'guard/sent', _common.RELIABLE_QOS)
        robot.until(stranger.get_subscription_count, 'the agent')
        stranger.publish(JointState(name=['cart', 'guard.source'], position=[0.0, 0.0]))
        robot.until(lambda: 'another contract' in robot.status('/agent')[1], 'diagnostics')
        level, text = robot.status('/agent')
        assert level == int.from_bytes(_common.ERROR) and "'cart'" in text
        seen = len(robot.ticks)
        robot.until(lambda: len(robot.ticks) > seen + 5, 'more ticks')


def test_pictures_may_be_switched_off(tmp_path, domain):
    bundle = robot_processes.tiny_bundle(tmp_path, CONTRACT)
    with robot_processes.Robot(domain, tmp_path) as robot:
        robot.start('agent', contract='reacher', robot_id='r', bundle=bundle, picture_rate=0.0)
        robot.until(lambda: 'shadow' in robot.status('/agent')[1], 'diagnostics')
