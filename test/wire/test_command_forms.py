# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The messages of commands: round trip, foreign senders, and what the contract must say."""

from __future__ import annotations

import math

import kind_robot
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.contract import ContractError, contract_hash, interface_hash
from world_model_ros.contract.kinds import command_kind
from world_model_ros.wire.cdr import blank, decode, encode
from world_model_ros.wire.command_codec import command_decoder, encoder

T0_NS = 1_700_000_000_123_456_789
TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory'
TWIST, TWIST_STAMPED = 'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'
GRIPPER = 'control_msgs/msg/GripperCommand'
ARM = {'kind': 'position', 'safe': 'hold', 'names': '[left, right]', 'topic': 'arm/command'}


def arm(**keys):
    return kind_robot.with_action(**{**ARM, **keys})


def gripper(**keys):
    lists = {'names': '[left]', 'low': '[0.0]', 'high': '[0.08]', 'rate_limit': '[0.1]'}
    return arm(**{'type': GRIPPER, **lists, **keys})


ROBOTS = {
    'trajectory': arm(type=TRAJECTORY),
    'floats': arm(type='std_msgs/msg/Float64MultiArray'),
    'joint state': arm(type='sensor_msgs/msg/JointState'),
    'twist': kind_robot.with_action(type=TWIST),
    'twist stamped': kind_robot.with_action(),
    'six axes': kind_robot.with_action(
        names='[angular.z, linear.y, linear.x]',
        low='[-1.0, -1.0, -1.0]', high='[1.0, 1.0, 1.0]', rate_limit='[1.0, 1.0, 1.0]',
    ),
    'gripper': gripper(max_effort=20.0),
}  # fmt: skip
STAMPED = {'joint state', 'twist stamped', 'six axes'}


@pytest.mark.parametrize('name', ROBOTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_command_is_read_back_as_it_was_sent(name, data):
    action = ROBOTS[name].groups[0]
    values = np.array([data.draw(st.floats(-1e3, 1e3)) for _ in action.names])
    cdr = encoder(action)(T0_NS, values)
    assert command_decoder(action)(cdr).tolist() == values.tolist()
    stamp_ns = command_kind(action.kind).stamp_ns(action, cdr)
    assert stamp_ns == (T0_NS if name in STAMPED else None)
    assert len(cdr) % 4 == 0  # the guard knows its own messages by their bytes, filled up by DDS


@pytest.mark.parametrize('name', ROBOTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_commands_are_values_nothing_or_a_value_error(name, data):
    action = ROBOTS[name].groups[0]
    damaged = bytearray(encoder(action)(T0_NS, np.zeros(len(action.names))))
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged))))
    try:
        values = command_decoder(action)(bytes(damaged[:cut]))
    except ValueError:
        return
    assert values is None or (values.shape == (len(action.names),) and np.isfinite(values).all())


def test_a_trajectory_is_one_point_that_begins_at_once_and_takes_one_command_period():
    action = ROBOTS['trajectory'].groups[0]
    message = decode(TRAJECTORY, encoder(action)(T0_NS, np.array([0.25, -0.5])))
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (0, 0)
    assert list(message.joint_names) == ['left', 'right']
    (point,) = message.points
    assert point.positions.tolist() == [0.25, -0.5] and point.velocities.size == 0
    assert (point.time_from_start.sec, point.time_from_start.nanosec) == (0, 50_000_000)
    slow = arm(type=TRAJECTORY, time_from_start=1.25).groups[0]
    (point,) = decode(TRAJECTORY, encoder(slow)(T0_NS, np.zeros(2))).points
    assert (point.time_from_start.sec, point.time_from_start.nanosec) == (1, 250_000_000)


def trajectory(names, rows):
    message = blank(TRAJECTORY)
    message.joint_names = names
    for row in rows:
        point = blank('trajectory_msgs/msg/JointTrajectoryPoint')
        point.positions = np.array(row, np.float64)
        message.points.append(point)
    return encode(TRAJECTORY, message)


def test_a_foreign_trajectory_is_read_by_name_or_moves_nothing():
    read = command_decoder(ROBOTS['trajectory'].groups[0])
    assert read(trajectory(['right', 'other', 'left'], [[1.0, 9.0, 2.0]])).tolist() == [2.0, 1.0]
    assert read(trajectory(['right'], [[1.0]])) is None
    assert read(trajectory(['left', 'right'], [[1.0]])) is None
    assert read(trajectory(['left', 'right'], [[1.0, math.nan]])) is None
    assert read(trajectory(['left', 'right'], [])) is None
    # A whole motion is no command of one moment.
    assert read(trajectory(['left', 'right'], [[1.0, 2.0], [3.0, 4.0]])) is None


def test_a_base_is_commanded_by_the_axes_that_the_names_choose():
    action = ROBOTS['six axes'].groups[0]
    message = decode(TWIST_STAMPED, encoder(action)(T0_NS, np.array([0.5, 0.25, 0.125])))
    twist = message.twist
    assert (twist.linear.x, twist.linear.y, twist.linear.z) == (0.125, 0.25, 0.0)
    assert (twist.angular.x, twist.angular.y, twist.angular.z) == (0.0, 0.0, 0.5)


def test_a_gripper_closes_with_the_effort_of_the_contract():
    message = decode(GRIPPER, encoder(ROBOTS['gripper'].groups[0])(T0_NS, np.array([0.04])))
    assert (message.position, message.max_effort) == (0.04, 20.0)


def test_a_group_with_a_rate_of_its_own_takes_that_as_its_command_period():
    text = kind_robot.TEXT.replace('format: 1', 'format: 2').replace(
        f'action:{kind_robot.ACTION}',
        'actions:\n'
        f'  arm: {{topic: arm, type: {TRAJECTORY}, kind: position, names: [left], low: [-1.0], '
        'high: [1.0], limits: {velocity: [1.0]}, safe: hold, rate: 10.0}\n'
        f'  hand: {{topic: hand, type: {GRIPPER}, kind: position, names: [right], low: [0.0], '
        'high: [1.0], limits: {velocity: [1.0]}, safe: hold, max_effort: 5.0}\n',
    )
    arm_group, hand = kind_robot.parse_contract(text).groups
    assert dict(arm_group.options) == {'time_from_start': 0.1}
    assert dict(hand.options) == {'max_effort': 5.0}


def test_keys_of_the_message_are_no_part_of_the_interface():
    slow, fast = arm(type=TRAJECTORY, time_from_start=0.2), ROBOTS['trajectory']
    assert interface_hash(slow) == interface_hash(fast) == interface_hash(ROBOTS['floats'])
    assert contract_hash(slow) != contract_hash(fast)


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (lambda: kind_robot.with_action(names='[linear.x, angular.q]'), 'angular.z for a Twist'),
        (lambda: kind_robot.with_action(names='[left, right]', type=TWIST), "names is 'left'"),
        (lambda: kind_robot.with_action(type=TRAJECTORY), 'action.type'),
        (lambda: kind_robot.with_action(time_from_start=0.1), 'no such key'),
        (lambda: arm(type=TWIST), 'action.type'),
        (lambda: arm(type=TRAJECTORY, time_from_start=0.01), 'at least one command period (0.05'),
        (lambda: arm(type=TRAJECTORY, time_from_start='soon'), 'a number of seconds'),
        (lambda: arm(type=TRAJECTORY, max_effort=1.0), f'it belongs to {GRIPPER}'),
        (
            lambda: arm(type='sensor_msgs/msg/JointState', time_from_start=1.0),
            f'it belongs to {TRAJECTORY}',
        ),
        (lambda: arm(type=GRIPPER), 'one name for a GripperCommand'),
        (lambda: gripper(max_effort=-1.0), 'at least 0'),
        (lambda: kind_robot.with_action(safe='hold', type=TWIST), 'write safe: zero'),
    ],
)
def test_what_does_not_fit_the_message_is_refused(make, words):
    with pytest.raises(ContractError) as caught:
        make()
    assert words in str(caught.value)


def test_a_message_type_that_ros_lacks_here_is_named_with_its_package():
    pytest.importorskip('rclpy')
    from world_model_ros.nodes._message_class import message_class

    try:
        import control_msgs  # noqa: F401
    except ImportError:
        with pytest.raises(ValueError, match=r'GripperCommand is installed here.*control_msgs'):
            message_class(GRIPPER)
    else:
        assert message_class(GRIPPER)
