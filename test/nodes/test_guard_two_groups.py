# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One guard node, three command topics: each group on its own, and one rule for all of them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

from guard_inside import discovered, init
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from world_model_ros.contract import load_contract
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes.guard import GuardNode

pytestmark = pytest.mark.ros
ROBOT_FILE = Path(__file__).parents[1] / 'fixtures' / 'contract_format2.yaml'
ROBOT = load_contract(ROBOT_FILE)
HERE = {'shoulder': 0.2, 'elbow': 1.0, 'finger': 0.02}


class Lab:
    """The guard, drivers that listen, and publishers of joints and chunks, in one process."""

    def __init__(self, folder: Path) -> None:
        self.guard = GuardNode()
        self.node = node = rclpy.create_node('lab')
        self.commands: dict[str, list] = {group.name: [] for group in ROBOT.groups}
        self.sent: list[JointState] = []
        kinds = {'sensor_msgs/msg/JointState': JointState}
        for group in ROBOT.groups:
            kind = kinds.get(group.type, Float64MultiArray)
            heard = self.commands[group.name].append
            node.create_subscription(kind, group.topic, heard, _common.RELIABLE_QOS)
        node.create_subscription(JointState, 'guard/sent', self.sent.append, _common.RELIABLE_QOS)
        self._joints = node.create_publisher(JointState, 'joint_states', _common.RELIABLE_QOS)
        self._chunks = node.create_publisher(
            _wire.JointTrajectory, 'agent/chunk', _common.RELIABLE_QOS
        )
        self.executor = SingleThreadedExecutor()
        for each in (self.guard, node):
            self.executor.add_node(each)

    def spin(self, done, what: str, row=None) -> None:
        """Turn, with joints in two messages and, for a row, a chunk, until something is so."""
        give_up_s, due_s = time.monotonic() + 30.0, 0.0
        while not done():
            assert time.monotonic() < give_up_s, what
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + 0.02
                for names in (('shoulder', 'elbow'), ('finger',)):
                    message = JointState(name=names, position=[HERE[name] for name in names])
                    message.header.stamp = self.node.get_clock().now().to_msg()
                    self._joints.publish(message)
                if row is not None:
                    now_ns = self.node.get_clock().now().nanoseconds
                    rows = np.tile(np.asarray(row, float), (5, 1))
                    self._chunks.publish(_wire.chunk_message(ROBOT, now_ns, rows))
            self.executor.spin_once(timeout_sec=0.005)

    def close(self) -> None:
        """End everything."""
        self.guard.close()
        self.executor.shutdown(timeout_sec=1.0)
        for each in (self.guard, self.node):
            each.destroy_node()


@pytest.fixture
def lab(tmp_path, domain):
    init(domain, contract=ROBOT_FILE, robot_id='r1', state_directory=tmp_path)
    lab = Lab(tmp_path)

    def activated():
        lab.guard.trigger_activate()
        return lab.guard._guard.active

    try:
        lab.spin(lambda: discovered(lab.guard), 'discovery')
        lab.spin(activated, 'activation')
        yield lab
    finally:
        lab.close()
        rclpy.try_shutdown()


def test_each_group_is_commanded_on_its_topic_and_a_rival_on_one_silences_all(lab):
    wanted = [0.4, 1.2, 0.03, 1.5]

    def arrived():
        arm, hand, base = (lab.commands[group.name] for group in ROBOT.groups)
        return (
            arm
            and hand
            and base
            and np.allclose(arm[-1].data, wanted[:2])
            and np.allclose(hand[-1].position, wanted[2:3])
            and np.allclose(base[-1].velocity, wanted[3:])
        )

    lab.spin(arrived, 'commands of all groups', wanted)
    # The gripper is sent at half of the command rate.
    for heard in lab.commands.values():
        heard.clear()
    lab.spin(lambda: len(lab.commands['arm']) >= 60, 'more commands', wanted)
    assert len(lab.commands['gripper']) < 0.7 * len(lab.commands['arm'])
    assert list(lab.sent[-1].name[:4]) == list(ROBOT.action.names)

    lab.guard._guard.stop('test')
    lab.spin(lambda: lab.guard._guard.at_rest, 'rest', wanted)
    lab.spin(lambda: lab.commands['base'][-1].velocity[0] == 0.0, 'a wheel at rest', wanted)
    assert np.allclose(lab.commands['arm'][-1].data, wanted[:2])
    lab.guard._guard.release_stop(np.array([*HERE.values(), 0.0]))

    rival = lab.node.create_publisher(JointState, 'base/command', 10)
    lab.spin(lambda: rival.get_subscription_count() > 1, 'listeners')
    rival.publish(JointState(name=['wheel'], velocity=[0.5]))
    lab.spin(lambda: not lab.guard._guard.active, 'silence')
    assert 'base/command' in lab.guard._silenced
    for group in ROBOT.groups:
        topic = lab.guard.resolve_topic_name(group.topic)
        ours = [i.node_name for i in lab.node.get_publishers_info_by_topic(topic)]
        assert 'guard' not in ours
