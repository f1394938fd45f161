# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages that ROS itself serialised, in bags that rosbags wrote: nothing of ours made them."""

from __future__ import annotations

import kind_robot
import numpy as np
import pytest

pytest.importorskip('rclpy')

from geometry_msgs.msg import TwistStamped
from rclpy.serialization import serialize_message
from ros_messages import messages, stamped
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from world_model_ros.contract import contract_hash, interface_hash
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience import (
    EpisodeInfo,
    EpisodeWriter,
    Topic,
    check_episode,
    to_arrays,
)
from world_model_ros.experience.read.rebuild import parity
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.wire.cdr import JOINT_STATE, encode, typestore
from world_model_ros.wire.command_codec import command_decoder
from world_model_ros.wire.decode import decode_stream
from world_model_ros.wire.kinds.stamped import stamped_header

pytestmark = pytest.mark.ros
ROBOT = kind_robot.ROBOT
T0_NS = 1_700_000_000_000_000_000
UUID = 'c0ffee00-0000-4000-8000-000000000017'


def test_a_bag_of_every_type_is_read_as_its_drivers_meant_it(tmp_path):
    said = messages(T0_NS, 2)
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for name, (message, _) in said.items():
            stream = ROBOT.stream(name)
            kind = stream_kind(stream.kind).type_of(stream)
            channel = writer.add_connection(f'/{stream.topic}', kind, typestore=typestore())
            writer.write(channel, T0_NS, serialize_message(message))
    seen = {}
    with Reader(tmp_path / 'bag') as reader:
        for channel, _, cdr in reader.messages():
            stream = next(s for s in ROBOT.streams if f'/{s.topic}' == channel.topic)
            kind = stream_kind(stream.kind)
            assert channel.msgtype == kind.type_of(stream)
            if stream.stamp == 'header':
                assert kind.stamp_ns(cdr) == T0_NS
            seen[stream.name] = decode_stream(stream, cdr)
    assert set(seen) == {stream.name for stream in ROBOT.streams}
    for name, array in seen.items():
        np.testing.assert_allclose(array, said[name][1], rtol=1e-6, err_msg=name)


def test_commands_that_ros_serialised_are_read():
    base = kind_robot.ROBOT.groups[0]
    message = stamped(TwistStamped(), T0_NS)
    message.twist.linear.x, message.twist.angular.z = 0.25, -0.5
    assert command_decoder(base)(serialize_message(message)).tolist() == [0.25, -0.5]
    plain = kind_robot.with_action(type='geometry_msgs/msg/Twist').groups[0]
    assert command_decoder(plain)(serialize_message(message.twist)).tolist() == [0.25, -0.5]
    arm = kind_robot.with_action(
        kind='position', safe='hold', names='[left, right]',
        type='trajectory_msgs/msg/JointTrajectory',
    ).groups[0]  # fmt: skip
    trajectory = JointTrajectory(joint_names=['right', 'left'])
    trajectory.points = [JointTrajectoryPoint(positions=[0.5, 0.25])]
    assert command_decoder(arm)(serialize_message(trajectory)).tolist() == [0.25, 0.5]


def test_every_kind_is_recorded_and_rebuilt_bit_for_bit(tmp_path):
    topics = {
        f'stream.{s.name}': Topic(f'/{s.topic}', stream_kind(s.kind).type_of(s))
        for s in ROBOT.streams
    }
    topics['tick'] = Topic('/agent/tick', JOINT_STATE)
    info = EpisodeInfo(
        UUID, contract_text=ROBOT.text, interface_hash=interface_hash(ROBOT),
        contract_hash=contract_hash(ROBOT), topics={r: t.name for r, t in topics.items()},
    )  # fmt: skip
    writer, assembler, seen = EpisodeWriter(tmp_path, info, min_free_bytes=0), Assembler(ROBOT), []
    for k in range(4):
        t_ns = T0_NS + k * ROBOT.period_ns
        for name, (message, _) in messages(t_ns - 1_000_000, k).items():
            cdr = serialize_message(message)
            assembler.store(name, cdr, t_ns - 500_000)
            writer.write(topics[f'stream.{name}'], cdr, t_ns + 250_000)  # received a little later
        observation = assembler.assemble(t_ns)
        assert observation.valid, [s.error for s in observation.samples.values() if s.error]
        record = TickRecord(
            UUID, t_ns, k, first=k == 0, last=k == 3, truncated=k == 3, valid=True,
            source='explore', reward=0.0, obs_crc=observation.crc, joints=ROBOT.action.names,
            asked=np.zeros(2), sent=np.zeros(2), streams=dict(observation.samples),
        )  # fmt: skip
        columns = np.array(record.to_doubles(), np.float64), np.zeros(0), np.zeros(0)
        header = stamped_header(t_ns, record.frame_id)
        tick = typestore().types[JOINT_STATE](header, record.names(), *columns)
        writer.write(topics['tick'], encode(JOINT_STATE, tick), t_ns)  # the agent's own
        seen.append(observation.arrays)
    writer.close()
    assert writer.join(60) and writer.sealed, writer.error
    assert check_episode(writer.path, rebuilt=True) == []
    report = parity(writer.path)
    assert (report.ticks, report.rebuilt, report.different) == (4, 4, 0)
    arrays = to_arrays(writer.path)
    for stream in ROBOT.streams:
        expected = [row[stream.name] for row in seen]
        np.testing.assert_array_equal(arrays[f'obs_{stream.name}'], expected)
