# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Commands as bytes: rclpy reads what a kind encodes, and a kind reads what rclpy serialises."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy')

from onboard_contract import make_action
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from world_model_ros.contract.kinds import COMMAND_KINDS, command_kind
from world_model_ros.nodes._message_class import message_class
from world_model_ros.wire.cdr import FLOATS, JOINT_STATE
from world_model_ros.wire.command_codec import command_decoder, encoder

T_NS = 1_700_000_000_123_456_789
FIELDS = {
    'effort': 'effort',
    'velocity': 'velocity',
    'position': 'position',
    'position_delta': 'position',
}
VALUES = np.array([0.25, -0.5])


@pytest.mark.parametrize('kind', [*COMMAND_KINDS])
def test_a_driver_reads_a_command_in_the_field_of_its_kind(kind):
    action = make_action(kind=kind)
    cdr = encoder(action)(T_NS, VALUES)
    message = deserialize_message(cdr, JointState)
    assert message.name == ['shoulder', 'wrist']
    assert message.header.stamp.sec * 10**9 + message.header.stamp.nanosec == T_NS
    numbers = {name: list(getattr(message, name)) for name in ('position', 'velocity', 'effort')}
    assert numbers.pop(FIELDS[kind]) == [0.25, -0.5]
    assert not any(numbers.values())
    assert command_kind(kind).stamp_ns(action, cdr) == T_NS


def test_plain_numbers_have_no_names_and_no_stamp():
    action = make_action(kind='velocity', type=FLOATS)
    cdr = encoder(action)(T_NS, VALUES)
    assert list(deserialize_message(cdr, Float64MultiArray).data) == [0.25, -0.5]
    assert command_kind('velocity').stamp_ns(action, cdr) is None


@pytest.mark.parametrize('kind', [*COMMAND_KINDS])
@pytest.mark.parametrize('names', [['wrist', 'shoulder'], ['wrist', 'shoulder', 'finger'], []])
def test_a_command_that_rclpy_serialised_is_read_by_name(kind, names):
    """rclpy leaves 4 to 12 bytes behind a message."""
    message = JointState(name=names)
    setattr(message, FIELDS[kind], [-0.5, 0.25, 9.0][: len(names)])
    read = command_decoder(make_action(kind=kind))(serialize_message(message))
    assert read is None if not names else read.tolist() == [0.25, -0.5]


def test_plain_numbers_that_rclpy_serialised_are_read():
    message = Float64MultiArray(data=[0.25, -0.5])
    action = make_action(kind='velocity', type=FLOATS)
    assert command_decoder(action)(serialize_message(message)).tolist() == [0.25, -0.5]


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_a_command_that_is_not_finite_moves_nothing(value):
    message = JointState(name=['shoulder', 'wrist'], effort=[0.0, value])
    assert command_decoder(make_action())(serialize_message(message)) is None


@pytest.mark.parametrize('cdr', [b'', b'\0\1\0\0', b'\0\1\0\0 no command', b'\7' * 100])
def test_bytes_that_are_no_command_are_refused(cdr):
    with pytest.raises(ValueError, match='expected a sensor_msgs/msg/JointState'):
        command_decoder(make_action())(cdr)


def test_a_type_that_is_not_installed_is_named_with_the_remedy():
    assert message_class(JOINT_STATE) is JointState
    for name in ('my_robot_msgs/msg/Own', 'std_msgs/msg/Own'):
        with pytest.raises(ValueError, match=f'no message type {name} is installed here'):
            message_class(name)
