# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot that takes positions and holds when in doubt: the guard's process between hand-made
chunks, joint states and a clock that the test turns."""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
sys.path.insert(0, str(Path(__file__).parent))

import robot_processes  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

from world_model_ros.contract import find_robot, load_contract  # noqa: E402
from world_model_ros.nodes import _common, _wire  # noqa: E402

pytestmark = pytest.mark.ros
LOW, HIGH, RATE = np.array([-1.0, -0.5]), np.array([1.0, 0.5]), np.array([2.0, 1.0])  # rad, rad/s
ACTION = """action:
  topic: command
  kind: position
  names: [shoulder, wrist]
  low: [-1.0, -0.5]
  high: [1.0, 0.5]
  rate_limit: [2.0, 1.0]
  safe: hold

reward:"""
CHUNKS = {'chunk', 'chunk_rest'}


def position_contract(folder):
    """The reacher's, with commands in rad; its guard waits a second for chunks."""
    text = find_robot('reacher').read_text()
    begin, end = text.index('action:'), text.index('reward:')
    text = text[:begin] + ACTION + text[end + len('reward:') :]
    assert 'command_timeout: 0.2 ' in text
    path = folder / 'arm.yaml'
    path.write_text(text.replace('command_timeout: 0.2 ', 'command_timeout: 1.0 '))
    return path


class Arm:
    """The guard between an agent, a driver and a clock that are all this test."""

    def __init__(self, robot, path):
        self.robot, self.contract = robot, load_contract(path)
        self.step_ns = round(1e9 / self.contract.command_rate_hz)
        self.now_ns = 1_000_000_000_000
        self.measured = None  # where the driver says that the joints are
        self.targets = None  # rows of a chunk that is sent again at every step, from now on
        self.commands, self.sent = {}, {}  # by stamp: values; (source, why, values)
        node, qos = robot.node, _common.RELIABLE_QOS
        self.clock = node.create_publisher(Clock, '/clock', 10)
        self.joints = node.create_publisher(JointState, 'joint_states', qos)
        self.chunk = node.create_publisher(JointTrajectory, 'agent/chunk', qos)
        node.create_subscription(JointState, 'command', self.on_command, qos)
        node.create_subscription(JointState, 'guard/sent', self.on_sent, qos)
        robot.start('guard', contract=path, use_sim_time=True)
        ends = (self.clock, self.joints, self.chunk)
        robot.until(lambda: all(end.get_subscription_count() for end in ends), 'the guard')
        robot.until(
            lambda: node.count_publishers('command') and node.count_publishers('guard/sent'),
            "the guard's topics",
        )

    def on_command(self, message):
        self.commands[_common.to_ns(message.header.stamp)] = np.array(message.position)

    def on_sent(self, message):
        source, _, why = message.header.frame_id.partition(': ')
        values = np.array(message.position[: len(LOW)])
        self.sent[_common.to_ns(message.header.stamp)] = (source, why, values)

    def turn(self):
        """One command period passes; whatever it leads to is under way."""
        self.now_ns += self.step_ns
        if self.measured is not None:
            names = list(self.contract.action.names)
            self.joints.publish(JointState(name=names, position=list(self.measured)))
        if self.targets is not None:
            self.chunk.publish(_wire.chunk_message(self.contract, self.now_ns, self.targets))
        self.clock.publish(Clock(clock=_common.to_time(self.now_ns)))

    def step(self):
        """One command period and what the guard made of it: source, why, values."""
        self.turn()
        t_ns = self.now_ns
        self.robot.until(lambda: t_ns in self.sent and t_ns in self.commands, 'a command')
        source, why, values = self.sent[t_ns]
        np.testing.assert_array_equal(self.commands[t_ns], values)
        assert np.all(values >= LOW) and np.all(values <= HIGH)
        return source, why, values

    def steps_until(self, done, limit=500):
        """Steps up to and with the first one that is as wanted."""
        taken = []
        while not taken or not done(*taken[-1]):
            assert len(taken) < limit, taken[-3:]
            taken.append(self.step())
        return taken

    def assert_slow(self, values):
        """No command is further from the one before than the rate limit allows."""
        for before, after in pairwise(values):
            assert np.all(np.abs(after - before) <= RATE * self.step_ns * 1e-9 + 1e-12)


def test_positions_stay_in_limits_and_are_held_when_in_doubt(tmp_path):
    here, far, aside = [0.3, -0.2], [0.6, 0.1], [-0.4, 0.3]
    with robot_processes.Robot(95, tmp_path) as robot:
        arm = Arm(robot, position_contract(tmp_path))

        # Where the joints are is unknown: nothing is safe to send, not even the agent's wish.
        arm.targets = np.tile([0.0, 0.0], (5, 1))

        def sampled():
            arm.turn()
            return 'samples.chunk' in robot.values.get('/guard', {})

        robot.until(sampled, 'samples of a chunk')
        assert not arm.commands and not arm.sent

        # The first measurement begins a hold; a joint that sags does not drag it along.
        arm.targets, arm.measured = np.zeros((0, 2)), here  # no points: the agent gives up

        def held():
            arm.turn()
            return any(source == 'safe' for source, _, _ in arm.sent.values())

        robot.until(held, 'a first command')
        np.testing.assert_array_equal(arm.step()[2], here)
        arm.targets, arm.measured = None, aside
        for _ in range(10):
            source, _, values = arm.step()
            assert source == 'safe'
            np.testing.assert_array_equal(values, here)

        # A wish outside the limits: to the limit, at the limited rate, from where it was held.
        arm.targets = np.tile([3.0, -3.0], (5, 1))
        taken = arm.steps_until(lambda source, why, values: np.allclose(values, [1.0, -0.5]))
        arm.assert_slow([np.array(here), *(values for _, _, values in taken)])
        assert taken[-1][0] in CHUNKS and 'clipped' in taken[-1][1]
        assert 'rate limited' in taken[len(taken) // 2][1]

        # Silence while a chunk would still last: the measured position, at once and for good.
        arm.targets = np.tile([0.9, -0.5], (100, 1))
        arm.measured = far
        arm.steps_until(lambda source, why, values: np.allclose(values, [0.9, -0.5]))
        arm.targets = None

        def in_real_time(source, why, values):
            due_s = time.monotonic() + arm.step_ns * 1e-9  # the timeout is on this clock
            robot.until(lambda: time.monotonic() > due_s, 'time')
            return source not in CHUNKS

        taken = arm.steps_until(in_real_time)
        assert taken[-1][:2] == ('safe', 'no heartbeat within command_timeout')
        np.testing.assert_array_equal(taken[-1][2], far)
        arm.measured = aside
        for _ in range(10):
            np.testing.assert_array_equal(arm.step()[2], far)

        # A stop holds as well, whatever the agent wants; afterwards the way back is slow again.
        assert robot.call('guard/stop').success
        arm.targets = np.tile([-0.2, 0.2], (5, 1))
        for _ in range(10):
            source, _, values = arm.step()
            assert source == 'stopped'
            np.testing.assert_array_equal(values, far)
        assert robot.call('guard/release_stop').success
        taken = arm.steps_until(lambda source, why, values: np.allclose(values, [-0.2, 0.2]))
        arm.assert_slow([np.array(far), *(values for _, _, values in taken)])

        # The last command of a guard that ends: stay where you are.
        arm.step()
        assert robot.end('guard') == 0
        robot.until(lambda: list(arm.sent.values())[-1][0] == 'disabled', 'a last command')
        np.testing.assert_array_equal(list(arm.sent.values())[-1][2], aside)


def test_a_position_that_nobody_measures_any_more_is_not_gone_back_to(tmp_path):
    with robot_processes.Robot(95, tmp_path) as robot:
        arm = Arm(robot, position_contract(tmp_path))
        arm.measured = [0.3, -0.2]
        robot.until(lambda: arm.turn() or arm.commands, 'a first command')
        arm.measured = None  # the joint states end here
        arm.targets = np.tile([-0.4, 0.3], (5, 1))
        taken = arm.steps_until(lambda source, why, values: np.allclose(values, [-0.4, 0.3]))
        age_s = arm.contract.stream('joints').max_age_s
        assert len(taken) * arm.step_ns * 1e-9 > age_s
        assert robot.call('guard/stop').success
        source, _, values = arm.step()
        assert source == 'stopped'
        np.testing.assert_allclose(values, [-0.4, 0.3])  # where it was sent last, not [0.3, -0.2]


def test_positions_between_the_times_of_a_chunk_are_interpolated(tmp_path):
    with robot_processes.Robot(96, tmp_path) as robot:
        arm = Arm(robot, position_contract(tmp_path))
        arm.measured = [0.0, 0.0]
        robot.until(lambda: arm.turn() or arm.commands, 'a first command')
        begin_ns, rows = arm.now_ns, 60
        ramp = np.linspace([0.0, 0.0], [0.9, -0.45], rows)  # slower than the rate limit
        message = _wire.chunk_message(arm.contract, begin_ns, ramp)
        times_ns = begin_ns + np.arange(rows) * arm.contract.period_ns

        def step():
            arm.chunk.publish(message)
            return arm.step()

        robot.until(lambda: step()[0] in CHUNKS, 'the chunk')
        followed = 0
        while arm.now_ns < times_ns[-1] - arm.step_ns:
            _, why, values = step()
            if not why:  # neither still on its way there nor limited
                followed += 1
                wanted = [np.interp(arm.now_ns, times_ns, ramp[:, i]) for i in range(2)]
                np.testing.assert_allclose(values, wanted, atol=1e-9)
        assert followed > rows
