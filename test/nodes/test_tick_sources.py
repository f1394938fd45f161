# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Free-running tick sources through the real nodes: ticks on their grid, gaps told, a clean end.

A busy machine may make the agent skip ticks. That is allowed; not allowed is a tick off the grid,
one told twice, or a gap that the next record does not count.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('mujoco')

import robot_processes
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from world_model_ros.contract import load_contract
from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros
TICKS = 60


def run(folder, domain, name, source, *, simulated=True, speed=1.0):
    """One acting episode, moved over TICKS ticks: records, joint states and times heard."""
    contract = load_contract(name)
    bundle = robot_processes.tiny_bundle(folder, contract)
    joints, clock = [], []
    with robot_processes.Robot(domain, folder) as robot:
        robot.node.create_subscription(
            JointState, 'joint_states', joints.append, _common.RELIABLE_QOS
        )
        robot.node.create_subscription(
            Clock, '/clock', lambda m: clock.append(_common.to_ns(m.clock)), 50
        )
        common = {'contract': name, 'tick_source': source}
        robot.start('sim_robot', speed=speed, **common)
        robot.start('guard', use_sim_time=simulated, **common)
        robot.start(
            'agent', use_sim_time=simulated, robot_id='r', bundle=bundle, plan=False, **common
        )
        robot.listen()
        robot.until(lambda: joints and clock, 'the robot')
        robot.activate()
        acting = robot.until(
            lambda: next((t for t in robot.ticks if t.episode in robot.acting and t.first), None),
            'an acting episode',
        ).episode
        robot.until(
            lambda: sum(t.episode == acting and t.sent.any() for t in robot.ticks) >= TICKS,
            'ticks over which the robot was moved',
        )
        assert robot.end('agent') == 0
        robot.until(lambda: robot.ticks[-1].last, 'the last tick')
        assert robot.ticks[-1].truncated and not robot.ticks[-1].terminal
        robot.until(lambda: robot.sent[-1][1] == 'safe', 'safe action of the guard left alone')
        assert [robot.end(node) for node in ('guard', 'sim_robot')] == [0, 0]
    return [t for t in robot.ticks if t.episode == acting], joints, clock


def assert_on_grid(ticks, period_ns):
    assert ticks[0].first and ticks[0].tick == 0
    assert [t.tick for t in ticks if t.first] == [0]
    assert [t.tick for t in ticks if t.last] == [ticks[-1].tick]
    for tick in ticks:
        assert tick.t_ns == ticks[0].t_ns + tick.tick * period_ns
    for before, after in pairwise(ticks):
        assert after.tick == before.tick + 1 + after.skipped
    skipped = sum(t.skipped for t in ticks)
    assert skipped < len(ticks), f'{skipped} ticks skipped of {ticks[-1].tick + 1}'


def assert_moved(ticks, joints):
    """Commands of this agent reached the joints, and what the robot saw reached the agent."""
    assert sum(t.valid for t in ticks) > len(ticks) // 2
    begin_ns, end_ns = ticks[0].t_ns, ticks[-1].t_ns
    seen = [m for m in joints if begin_ns <= _common.to_ns(m.header.stamp) <= end_ns]
    assert any(any(m.effort) for m in seen)
    assert seen[0].position != seen[-1].position


def test_timer_ticks_on_the_wall_clock(tmp_path, domain):
    period_ns = load_contract('reacher').period_ns
    ticks, joints, _ = run(tmp_path, domain, 'reacher', 'timer', simulated=False)
    assert_on_grid(ticks, period_ns)
    assert_moved(ticks, joints)
    # Messages of another clock are placed by their stamp: never one of the future.
    assert all(s.age_s >= 0.0 for t in ticks for s in t.streams.values())


def test_sim_time_ticks_on_a_clock_that_runs_faster(tmp_path, domain):
    period_ns = load_contract('counter').period_ns
    ticks, joints, clock = run(tmp_path, domain, 'counter', 'sim_time', speed=3.0)
    assert_on_grid(ticks, period_ns)
    assert_moved(ticks, joints)
    assert clock == sorted(clock) and clock[0] < ticks[0].t_ns <= ticks[-1].t_ns <= clock[-1]


def test_camera_ticks_at_the_stamps_of_its_pictures(tmp_path, domain):
    period_ns = load_contract('reacher').period_ns
    ticks, joints, _ = run(tmp_path, domain, 'reacher', 'stream')
    assert_on_grid(ticks, period_ns)
    assert_moved(ticks, joints)
    # A picture that is half a period late is not waited for; then the one before it counts.
    assert all(t.streams['camera'].stamp_ns <= t.t_ns for t in ticks)
    on_time = [t for t in ticks if t.streams['camera'].stamp_ns == t.t_ns]
    assert all(t.streams['camera'].fresh and t.streams['camera'].age_s == 0.0 for t in on_time)
    assert len(on_time) > len(ticks) // 2
