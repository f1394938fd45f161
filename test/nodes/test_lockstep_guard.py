# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard in lockstep, between chunks and a clock that the test sends in its own order."""

from __future__ import annotations

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

import robot_processes
from rosgraph_msgs.msg import Clock
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.nodes import _common, _wire

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
CONTRACT = load_contract(find_robot('reacher'))
START_NS = 1_000_000_000_000


def test_a_chunk_that_overtakes_the_clock_counts_at_its_time(tmp_path, domain):
    # Two topics keep no order between them, and a guard that starts late hears the time late.
    with robot_processes.Robot(domain, tmp_path) as robot:
        chunks = robot.node.create_publisher(JointTrajectory, 'agent/chunk', _common.RELIABLE_QOS)
        clock = robot.node.create_publisher(Clock, '/clock', 10)
        robot.start('guard', contract='reacher', tick_source='lockstep', use_sim_time=True)
        robot.listen()
        robot.until(
            lambda: chunks.get_subscription_count() and clock.get_subscription_count(),
            'a guard that listens',
        )

        def turn(t_ns):
            clock.publish(Clock(clock=_common.to_time(t_ns)))

        robot.activate_guard(lambda: turn(START_NS - CONTRACT.period_ns))
        actions = np.full((1, CONTRACT.action_dim), 0.01)
        chunks.publish(_wire.chunk_message(CONTRACT, START_NS, actions))
        robot.statuses.clear()
        robot.until(lambda: '/guard' in robot.statuses, 'a sign of life after the chunk')

        def sent():
            turn(START_NS)
            return [sent for sent in robot.sent if sent[0] == START_NS]

        robot.until(sent, 'a command')
        assert sent()[0][:2] == (START_NS, 'chunk')
