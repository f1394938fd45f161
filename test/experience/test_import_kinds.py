# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Imports of bags with every kind of stream, as ROS itself serialised them."""

from __future__ import annotations

import foreign_data as foreign
import kind_robot
import numpy as np
import pytest

pytest.importorskip('rclpy')

import ros_messages
from geometry_msgs.msg import TwistStamped
from rclpy.serialization import serialize_message
from test_import_bags import bag, imported

from world_model_ros.contract import parse_contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience import check_episode, to_arrays
from world_model_ros.experience.pictures import decompressed
from world_model_ros.experience.read.importers.import_source import ImportRefused
from world_model_ros.wire.decode import decode_stream

ROBOT = kind_robot.ROBOT
TWIST = 'geometry_msgs/msg/Twist'
STEP_NS = 50_000_000
TURNS = 16


def base_bag(tmp_path, robot=ROBOT, late_ns=1_000_000, skip=()):
    """What the drivers of a robot of every kind say in TURNS steps, and what it is commanded."""
    rows = []
    group = robot.groups[0]
    for k in range(TURNS):
        t_ns = foreign.T0_NS + k * STEP_NS
        for name, (message, _) in ros_messages.messages(t_ns, k % 4).items():
            if name not in skip:
                stream = robot.stream(name)
                kind = stream_kind(stream.kind).type_of(stream)
                rows.append((f'/{stream.topic}', kind, t_ns + late_ns, serialize_message(message)))
        command = ros_messages.stamped(TwistStamped(), t_ns)
        command.twist.linear.x, command.twist.angular.z = 0.25, -0.125 * (k % 4)
        sent = command.twist if group.type == TWIST else command
        rows.append(
            (f'/{group.topic}', group.type, t_ns + late_ns + 1_000_000, serialize_message(sent))
        )
    return bag(tmp_path, sorted(rows, key=lambda row: row[2]))


def assert_is_the_drive(arrays):
    seen = arrays['observed']
    assert seen.sum() >= TURNS // 2 - 2
    assert set(np.unique(arrays['obs_depth'][seen])) == {128}
    assert set(np.unique(arrays['obs_packed_depth'][seen])) == {255}
    assert set(np.unique(arrays['obs_packed'][seen])) <= {60, 61, 62, 63}
    assert np.ptp(arrays['obs_imu'][seen][:, 5]) > 0.2
    scans = np.broadcast_to([5.0, 5.0, 5.0, 5.0, 1.5, 3.0, 3.0, 3.0], (seen.sum(), 8))
    np.testing.assert_array_equal(arrays['obs_scan'][seen], scans)
    assert set(arrays['action_sent'][1:, 0]) == {0.25}
    turned = arrays['action_sent'][1:, 1]  # means over a period
    assert -0.375 <= turned.min() < turned.max() <= 0.0


def test_a_bag_of_every_kind_becomes_a_whole_episode(tmp_path):
    (episode,) = imported(base_bag(tmp_path), tmp_path / 'out', ROBOT)
    assert check_episode(episode.path, rebuilt=True) == []
    assert episode.actions == 'recorded'
    assert_is_the_drive(to_arrays(episode.path))


def test_where_stamps_are_the_time_messages_without_a_stamp_say_none(tmp_path):
    """As where a simulator was recorded by the wall clock: the numbers of a Twist are no stamp."""
    robot = parse_contract(ROBOT.text.replace('geometry_msgs/msg/TwistStamped', TWIST))
    folder = base_bag(tmp_path, robot, late_ns=86_400_000_000_000)
    (episode,) = imported(folder, tmp_path / 'out', robot)
    assert_is_the_drive(to_arrays(episode.path))


def test_distances_are_not_taken_from_a_compressed_picture_of_colours(tmp_path):
    folder = base_bag(tmp_path, skip={'depth'})
    with pytest.raises(ImportRefused, match=r"stream 'depth': .*depth/image_raw .*msg/Image, "):
        imported(folder, tmp_path / 'out', ROBOT)


@pytest.mark.parametrize('trailing', range(4))
def test_a_packed_picture_that_ros_serialised_is_unpacked(trailing):
    picture, _ = ros_messages.messages(foreign.T0_NS, 3)['packed']
    picture.data = bytes(picture.data) + bytes(trailing)  # any length: ROS fills up behind it
    raw, lossless = decompressed(serialize_message(picture))
    assert lossless and decode_stream(ROBOT.stream('camera'), raw).min() == 63
