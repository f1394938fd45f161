# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An imagined robot's topics are its own, whatever the contract says."""

from __future__ import annotations

from world_model_ros.contract import load_contract, parse_contract
from world_model_ros.deploy.launching import declared
from world_model_ros.deploy.nodes_table import IMAGINE, IMAGINED_ROBOT, Settings, apart

SETTINGS = Settings(
    contract='c', robot_id='r', bundle='/b', namespace='/imagined', use_sim_time=True
)


def absolute():
    text = load_contract('reacher').text
    for topic in ('camera/image_raw', 'command', 'reward'):
        text = text.replace(f'topic: {topic}', f'topic: /arm/{topic}')
    return parse_contract(text)


def test_absolute_topics_are_moved_into_the_namespace_and_relative_ones_stay():
    moved = dict(apart(SETTINGS, absolute()).all_remappings())
    assert moved['/arm/camera/image_raw'] == '/imagined/arm/camera/image_raw'
    assert moved['/arm/camera/camera_info'] == '/imagined/arm/camera/camera_info'
    assert moved['/arm/command'] == '/imagined/arm/command'
    assert moved['/arm/reward'] == '/imagined/arm/reward'
    assert moved['/clock'] == '/imagined/clock'
    assert 'joint_states' not in moved
    assert [pair[0] for pair in apart(SETTINGS, load_contract('reacher')).all_remappings()] == [
        '/clock'
    ]


def test_the_bundle_that_acts_is_the_world_unless_another_is_given():
    robot = load_contract('reacher')
    assert apart(SETTINGS, robot).parameters(IMAGINED_ROBOT)['world'] == '/b'
    other = Settings(contract='c', robot_id='r', bundle='/b', world='/w', namespace='x')
    assert apart(other, robot).parameters(IMAGINED_ROBOT)['world'] == '/w'


def test_a_launch_declares_a_namespace_and_a_robot_of_its_own():
    rows = {
        row['name']: row
        for row in declared(IMAGINE, namespace='imagined', robot_id='imagined', directory='d')
    }
    assert rows['namespace']['default_value'] == rows['robot_id']['default_value'] == 'imagined'
    assert 'default_value' not in rows['contract'] | rows['start']
