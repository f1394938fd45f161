# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A first robot file from topics of every type: each becomes a stream of its kind."""

from __future__ import annotations

import kind_robot
import pytest
import yaml

pytest.importorskip('rclpy')

import ros_messages
from geometry_msgs.msg import TwistStamped
from rclpy.serialization import serialize_message

from world_model_ros.bringup.draft_contract import draft_contract
from world_model_ros.bringup.observed import Observed
from world_model_ros.contract import parse_contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.wire.decode import decode_stream

ROBOT = kind_robot.ROBOT
BEGIN_NS = 1_700_000_000 * 10**9
STEP_NS = 50_000_000


def heard():
    """Every topic of the robot of every kind, and its commands."""
    rows = {}
    for name in ros_messages.messages(0):
        stream = ROBOT.stream(name)
        kind = stream_kind(stream.kind).type_of(stream)
        rows[name] = Observed(f'/{stream.topic}', kind, publishers=('driver',))
    command = Observed('/cmd_vel', 'geometry_msgs/msg/TwistStamped', listeners=('base',))
    for k in range(40):
        t_ns = BEGIN_NS + k * STEP_NS
        for name, (message, _) in ros_messages.messages(t_ns, k % 4).items():
            rows[name].add(t_ns + 1_000_000, serialize_message(message))
        message = ros_messages.stamped(TwistStamped(), t_ns)
        message.twist.linear.x, message.twist.angular.z = 0.25, 0.5 - 0.25 * (k % 4)
        command.add(t_ns + 1_000_000, serialize_message(message))
    return rows, command


def test_topics_of_every_type_become_streams_of_their_kind():
    rows, command = heard()
    draft = draft_contract([*rows.values(), command], 'a test')
    assert not draft.problems, [str(row) for row in draft.problems]
    contract = parse_contract(draft.text)
    drafted = {stream.topic: stream for stream in contract.streams}
    raw_twin = {'packed_depth'}  # the same distances come raw
    assert set(drafted) == {ROBOT.stream(name).topic for name in rows if name not in raw_twin}
    for name, row in rows.items():
        if name in raw_twin:
            continue
        stream, meant = drafted[ROBOT.stream(name).topic], ROBOT.stream(name)
        assert (stream.kind, stream.stamp) == (meant.kind, meant.stamp), name
        assert stream_kind(stream.kind).type_of(stream) == row.type
        assert decode_stream(stream, row.messages[-1]).shape == stream.shape


def test_what_is_guessed_of_a_kind_is_marked():
    rows, command = heard()
    draft = draft_contract([*rows.values(), command], 'a test')
    streams = yaml.safe_load(draft.text)['streams']
    assert streams['scan']['range'] == [0.1, 30.0] and streams['scan']['beams'] == 36
    marked = set(draft.doubts)
    assert {'streams.scan.range', 'streams.scan.beams', 'streams.floats.names'} <= marked
    assert 'streams.depth.range' in marked


def test_a_base_is_commanded_by_the_axes_that_moved():
    rows, command = heard()
    draft = draft_contract([rows['odometry'], command], 'a test')
    action = parse_contract(draft.text).groups[0]
    assert (action.topic, action.kind) == ('cmd_vel', 'velocity')
    assert action.type == 'geometry_msgs/msg/TwistStamped'
    assert action.names == ('linear.x', 'angular.z') and 'action.names' in draft.doubts
    assert action.low == (-0.25, -0.5) and action.high == (0.25, 0.5)


def test_a_base_that_nobody_commanded_has_all_axes_to_choose_from():
    rows, _ = heard()
    silent = Observed('/cmd_vel', 'geometry_msgs/msg/Twist', listeners=('base',))
    draft = draft_contract([rows['odometry'], silent], 'a test')
    assert not draft.problems, [str(row) for row in draft.problems]
    assert len(parse_contract(draft.text).groups[0].names) == 6
    assert {'action.names', 'action.topic'} <= set(draft.doubts)
