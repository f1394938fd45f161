# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard's process on a robot that takes positions: activation, motion, stops, restarts.

Chunks, joint states and the clock are the test's. The arithmetic of limits is tested without ROS
in test/onboard/test_guard*.py; here it is what goes over the topics.
"""

from __future__ import annotations

import json
import time
from itertools import pairwise

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

import robot_processes
from lifecycle_msgs.msg import Transition
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.nodes import _common, _wire

pytestmark = pytest.mark.ros
LOW, HIGH, RATE = np.array([-1.0, -0.5]), np.array([1.0, 0.5]), np.array([2.0, 1.0])  # rad, rad/s
ACTION = """action:
  topic: command
  kind: position
  names: [shoulder, wrist]
  low: [-1.0, -0.5]
  high: [1.0, 0.5]
  rate_limit: [2.0, 1.0]
  acceleration_limit: [8.0, 8.0]
  safe: hold

reward:"""
CHUNKS = {'chunk', 'chunk_rest'}
HERE = [0.3, -0.2]


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
        self.robot, self.path, self.contract = robot, path, load_contract(path)
        self.step_ns = round(1e9 / self.contract.command_rate_hz)
        self.now_ns = 1_000_000_000_000
        self.measured = None  # where the driver says that the joints are; 'follows': as commanded
        self.targets = None  # rows of a chunk that is sent again at every step, from now on
        self.commands, self.sent, self.status = {}, {}, {}
        node, qos = robot.node, _common.RELIABLE_QOS
        self.clock = node.create_publisher(Clock, '/clock', 10)
        self.joints = node.create_publisher(JointState, 'joint_states', qos)
        self.chunk = node.create_publisher(JointTrajectory, 'agent/chunk', qos)
        node.create_subscription(JointState, 'command', self.on_command, qos)
        node.create_subscription(JointState, 'guard/sent', self.on_sent, qos)
        node.create_subscription(
            String, 'guard/status', lambda m: self.status.update(json.loads(m.data)), qos
        )
        self.start()

    def start(self, **parameters):
        """Start the guard and wait until it hears everything."""
        self.status.clear()
        self.robot.start('guard', contract=self.path, use_sim_time=True, **parameters)
        self.robot.until(lambda: self.status, "the guard's status")
        ends = (self.clock, self.joints, self.chunk)
        self.robot.until(lambda: all(end.get_subscription_count() for end in ends), 'the guard')

    def on_command(self, message):
        self.commands[_common.to_ns(message.header.stamp)] = np.array(message.position)

    def on_sent(self, message):
        source, _, why = message.header.frame_id.partition(': ')
        values = np.array(message.position[: len(LOW)])
        self.sent[_common.to_ns(message.header.stamp)] = (source, why, values)

    @property
    def last(self):
        return self.commands[max(self.commands)] if self.commands else np.array(HERE)

    def turn(self):
        """One command period passes; whatever it leads to is under way."""
        self.now_ns += self.step_ns
        if self.measured is not None:
            at = self.last if isinstance(self.measured, str) else self.measured
            names = list(self.contract.action.names)
            self.joints.publish(JointState(name=names, position=[float(x) for x in at]))
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

    def assert_smooth(self, values):
        """No command is further from the one before than the rate limit allows."""
        for before, after in pairwise(values):
            assert np.all(np.abs(after - before) <= RATE * self.step_ns * 1e-9 + 1e-12)


def test_positions_are_commanded_only_while_active_and_from_where_the_robot_is(tmp_path, domain):
    with robot_processes.Robot(domain, tmp_path) as robot:
        arm = Arm(robot, position_contract(tmp_path))

        # Inactive there is no publisher; without a position the guard is not activated.
        arm.targets = np.tile([0.0, 0.0], (5, 1))
        refused = 'no fresh position of shoulder, wrist'

        def refuses():
            arm.turn()
            robot.change_state(Transition.TRANSITION_ACTIVATE, node='guard')
            return refused in arm.status.get('refusal', '')

        robot.until(refuses, 'the refusal')
        assert not arm.commands and not robot.node.count_publishers('command')

        # Active, it holds where the robot is; a joint that sags does not drag the hold along.
        arm.targets, arm.measured = None, HERE
        robot.activate_guard(arm.turn)
        robot.until(lambda: arm.turn() or arm.commands, 'a first command')
        arm.measured = [HERE[0] - 0.01, HERE[1] - 0.01]
        for _ in range(30):
            source, _, values = arm.step()
            assert source == 'safe'
            np.testing.assert_array_equal(values, HERE)

        # A wish outside the limits: to the limit, at the limited rate, from where it was held.
        arm.measured = 'follows'
        arm.targets = np.tile([3.0, -3.0], (5, 1))
        taken = arm.steps_until(lambda source, why, values: np.allclose(values, [1.0, -0.5]))
        arm.assert_smooth([np.array(HERE), *(values for _, _, values in taken)])
        assert taken[-1][0] in CHUNKS and 'clipped' in taken[-1][1]

        # A stop while it moves: to rest along the motion, then held, whatever the agent wants.
        arm.targets = np.tile([-0.9, 0.4], (5, 1))
        moving = [arm.step()[2] for _ in range(12)]
        assert robot.call('guard/stop').success
        taken = [arm.step() for _ in range(20)]
        assert {source for source, _, _ in taken} == {'stopped'}
        stopping = [moving[-1], *(values for _, _, values in taken)]
        arm.assert_smooth(stopping)
        steps = np.diff(np.array(stopping), axis=0)
        assert np.all(steps[:, 0] <= 0.0) and np.any(steps[0]) and not np.any(steps[-1])

        # It is stopped, inactive and silent after a kill; activation is refused by that reason.
        robot.kill('guard')
        seen = len(arm.commands)
        arm.start()
        assert arm.status['stop_reason'] == 'service call' and arm.status['state'] == 'inactive'
        assert not robot.change_state(Transition.TRANSITION_ACTIVATE, node='guard')
        robot.until(lambda: 'release_stop' in arm.status['refusal'], 'the reason')
        assert robot.call('guard/release_stop').success
        robot.activate_guard(arm.turn)
        assert len(arm.commands) == seen

        # Disabled likewise; enabling needs a fresh position while it is active.
        arm.targets = np.tile([0.0, 0.0], (5, 1))
        assert robot.call('guard/enable', SetBool, SetBool.Request(data=False)).success
        robot.until(lambda: arm.turn() or not arm.status['enabled'], 'disabled')
        arm.measured = None
        for _ in range(10):
            assert arm.step()[0] == 'disabled'
        answer = robot.call('guard/enable', SetBool, SetBool.Request(data=True))
        assert not answer.success and refused in answer.message
        arm.measured = 'follows'
        arm.step()
        assert robot.call('guard/enable', SetBool, SetBool.Request(data=True)).success
        arm.steps_until(lambda source, why, values: source in CHUNKS)

        # The clock stands still while it moves: at rest, not silent, nothing latched, then on.
        seen = len(arm.sent)
        robot.until(lambda: 'stands still' in arm.status['problem'], 'the watchdog')
        robot.until(lambda: any('stands' in why for _, why, _ in arm.sent.values()), 'rest')
        arm.steps_until(lambda source, why, values: source in CHUNKS)

        # The last commands of a guard that ends bring the robot to rest.
        assert robot.end('guard') == 0


def test_a_foreign_publisher_is_refused_tolerated_and_given_way_to(tmp_path, domain):
    with robot_processes.Robot(domain, tmp_path) as robot:
        arm = Arm(robot, position_contract(tmp_path))
        arm.measured = HERE

        # Already there at activation: refused by name.
        other = robot.node.create_publisher(JointState, 'command', _common.RELIABLE_QOS)

        def refuses():
            arm.turn()
            robot.change_state(Transition.TRANSITION_ACTIVATE, node='guard')
            return '/test_ears has a publisher' in arm.status.get('refusal', '')

        robot.until(refuses, 'the refusal')
        robot.node.destroy_publisher(other)
        robot.activate_guard(arm.turn)

        # One that comes later and sends nothing: at rest, chunks refused, then on again.
        arm.targets = np.tile([0.6, 0.2], (5, 1))
        arm.steps_until(lambda source, why, values: source in CHUNKS)
        other = robot.node.create_publisher(JointState, 'command', _common.RELIABLE_QOS)
        robot.until(lambda: arm.turn() or '/test_ears' in arm.status['foreign'], 'the error')
        taken = arm.steps_until(lambda source, why, values: source == 'safe')
        assert '/test_ears has a publisher' in taken[-1][1]
        robot.node.destroy_publisher(other)
        robot.until(lambda: arm.turn() or not arm.status['foreign'], 'the way is free')
        arm.steps_until(lambda source, why, values: source in CHUNKS)

        # From its first message on the guard is silent and inactive.
        other = robot.node.create_publisher(JointState, 'command', _common.RELIABLE_QOS)
        robot.until(lambda: other.get_subscription_count() >= 2, 'the guard hears it')
        robot.until(lambda: arm.turn() or '/test_ears' in arm.status['foreign'], 'its name')
        names = list(arm.contract.action.names)
        seen = {}

        def caught_up():
            if seen.get('sent') != len(arm.sent):
                seen.update(sent=len(arm.sent), at=time.monotonic())
            return time.monotonic() - seen['at'] > 0.3

        # This clock ran as fast as it could: the guard takes in what has queued, then one message.
        robot.until(caught_up, 'nothing more to hear')
        other.publish(JointState(name=names, position=[9.0, 9.0]))
        robot.until(lambda: arm.turn() or arm.status['silenced'], 'silence')
        assert '/test_ears commands /command' in arm.status['silenced']
        robot.until(lambda: arm.status['state'] == 'inactive', 'inactive')
        last_ns = arm.now_ns  # what was sent before may still come in
        for _ in range(20):
            arm.turn()
        robot.statuses.clear()
        robot.until(lambda: '/guard' in robot.statuses, 'a sign of life')
        assert not [t_ns for t_ns in arm.commands if t_ns > last_ns]
