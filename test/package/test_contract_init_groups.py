# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A first robot file of a robot with several command topics: groups of format 2."""

from __future__ import annotations

import numpy as np
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_contract_init import TYPES, at, commands, drafted, joints, observed, words

from world_model_ros.contract import parse_contract
from world_model_ros.wire.cdr import FLOATS, GRIPPER, JOINT_STATE, blank, encode

TRAJECTORY, TWIST = 'trajectory_msgs/msg/JointTrajectory', 'geometry_msgs/msg/Twist'
ARM = ('shoulder', 'elbow')


def gripper(topic='/gripper/command', rate_hz=20.0, **known):
    cdr = encode(GRIPPER, TYPES[GRIPPER](0.04, 15.0))
    return observed(topic, GRIPPER, [(t, cdr) for t in at(rate_hz)] if rate_hz else [], **known)


def trajectory(topic='/arm_controller/joint_trajectory', names=ARM, rate_hz=50.0):
    message = blank(TRAJECTORY)
    point = blank('trajectory_msgs/msg/JointTrajectoryPoint')
    message.joint_names, message.points = list(names), [point]
    point.positions = np.full(len(names), 0.25)
    cdr = encode(TRAJECTORY, message)
    return observed(topic, TRAJECTORY, [(t, cdr) for t in at(rate_hz)])


def base(topic='/cmd_vel', rate_hz=20.0, **known):
    message = blank(TWIST)
    message.linear.x, message.angular.z = 0.5, 0.25
    cdr = encode(TWIST, message)
    return observed(topic, TWIST, [(t, cdr) for t in at(rate_hz)] if rate_hz else [], **known)


def test_an_arm_and_its_gripper_are_two_groups():
    draft, data = drafted(joints(names=(*ARM, 'finger')), trajectory(), gripper())
    assert not draft.problems, [str(row) for row in draft.problems]
    contract = parse_contract(draft.text)
    arm, hand = contract.groups
    assert data['format'] == 2 and (arm.name, hand.name) == ('arm', 'gripper')
    assert (arm.topic, arm.type, arm.names) == (
        'arm_controller/joint_trajectory', TRAJECTORY, ARM,
    )  # fmt: skip
    assert (hand.type, hand.names, dict(hand.options)) == (
        GRIPPER, ('finger',), {'max_effort': 15.0},
    )  # fmt: skip
    assert arm.rate_limit == (0.3, 0.3) and arm.acceleration_limit == (1.2, 1.2)
    assert {'actions.arm.limits.velocity', 'actions.gripper.max_effort'} <= set(draft.doubts)
    assert data['actions']['gripper']['rate'] == 20.0 and arm.rate_hz == 0.0


def test_a_base_with_a_pan_tilt_head_is_two_groups():
    head = commands('/pan_tilt/commands', width=2)
    wheels = joints(names=('left_wheel', 'right_wheel', 'pan', 'tilt'))
    draft, _ = drafted(wheels, head, base())
    contract = parse_contract(draft.text)
    assert {group.name: group.names for group in contract.groups} == {
        'base': ('linear.x', 'angular.z'), 'pan_tilt': ('pan', 'tilt'),
    }  # fmt: skip
    assert {'actions.pan_tilt.names', 'actions.base.names'} <= set(draft.doubts)
    moves = next(group for group in contract.groups if group.name == 'base')
    assert moves.kind == 'velocity' and moves.safe == 'zero' and moves.rate_limit == (1.0, 0.5)


def test_unnamed_commands_take_the_joints_of_the_stream_with_as_many():
    both = joints(names=('j1', 'j2', 'j3'))
    for t_ns, cdr in joints(names=('k1', 'k2'), rate_hz=50.0).kept:
        both.add(t_ns, cdr)
    draft, _ = drafted(both, commands('/a/commands', width=3), commands('/b/commands', width=2))
    first, second = parse_contract(draft.text).groups
    assert (first.names, second.names) == (('j1', 'j2', 'j3'), ('k1', 'k2'))
    assert {'actions.a.names', 'actions.b.names'} <= set(draft.doubts)


def test_commands_of_the_same_joints_are_one_group_and_the_others_are_named():
    draft, data = drafted(joints(names=ARM), trajectory(), commands('/teleop/arm_commands'))
    assert data['format'] == 1 and data['action']['topic'] == 'arm_controller/joint_trajectory'
    assert 'Commands are taken on /teleop/arm_commands too.' in words(draft)
    draft, data = drafted(joints(names=ARM), base(), base('/cmd_vel_teleop'))
    assert data['format'] == 1 and 'on /cmd_vel_teleop too.' in words(draft)


def test_a_topic_that_nobody_listens_to_is_no_group():
    heard = {'publishers': ('panel',), 'listeners': ()}
    draft, data = drafted(joints(names=ARM), trajectory(), base('/goal_twist', **heard))
    assert data['format'] == 1 and 'on /goal_twist too.' in words(draft)


def test_a_silent_gripper_that_a_driver_waits_for_is_a_group():
    waiting = gripper('/gripper_controller/command', 0.0, listeners=('gripper_driver',))
    draft, data = drafted(joints(names=(*ARM, 'finger')), trajectory(), waiting)
    assert not draft.problems, [str(row) for row in draft.problems]
    found = data['actions']['gripper']
    assert found['names'] == ['finger'] and found['max_effort'] == 10.0
    assert {'actions.gripper.topic', 'actions.gripper.names'} <= set(draft.doubts)


@settings(max_examples=60, deadline=None)
@given(
    topics=st.lists(
        st.tuples(
            st.sampled_from([FLOATS, JOINT_STATE, TRAJECTORY, TWIST, GRIPPER]),
            st.sampled_from(['/arm/command', '/gripper_cmd', '/cmd_vel', '/x/Ä', '/7/goal', '/a']),
            st.booleans(),
            st.sampled_from([None, (), ('driver',)]),
        ),
        max_size=5,
        unique_by=lambda row: row[1],
    )
)
def test_whatever_takes_commands_the_faults_of_the_file_are_its_doubts(topics):
    makers = {
        FLOATS: commands, TRAJECTORY: trajectory, TWIST: base, GRIPPER: gripper,
        JOINT_STATE: lambda topic: joints(topic=topic, names=ARM),
    }  # fmt: skip
    rows = []
    for kind, topic, sent, listeners in topics:
        row = makers[kind](topic)
        rows.append(observed(topic, kind, row.kept if sent else [], listeners=listeners))
    draft, data = drafted(joints(names=(*ARM, 'finger')), *rows)
    assert isinstance(yaml.safe_load(draft.text), dict)
    for problem in draft.problems:
        assert any(problem.key.startswith(doubt) for doubt in draft.doubts), problem
    assert ('actions' in data) == (data['format'] == 2)
