# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A base with camera, scan and odometry through the real nodes: in shadow, driving, recorded."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('mujoco')

from geometry_msgs.msg import TwistStamped
from recorded_robot import recorded_robot

from world_model_ros.contract import Contract
from world_model_ros.experience import check_episode, to_arrays
from world_model_ros.nodes import _common
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.robots import SimRobot

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
TICKS, SEED = 20, 3
TOPICS = frozenset({'/camera/image_raw', '/scan', '/odom', '/reward'})


def assert_earned_for_its_task(
    ticks: list[TickRecord], heard: list[TwistStamped], contract: Contract, seed: int
) -> tuple[float, ...]:
    """The robot of this seed, commanded as this episode was, earns the same; its task."""
    robot = SimRobot(contract, seed)
    robot.reset(seed)
    assert ticks[0].first and ticks[-1].last
    assert {tuple(tick.task.values()) for tick in ticks} == {tuple(robot.task.tolist())}
    commands = {
        _common.to_ns(each.header.stamp): (each.twist.linear.x, each.twist.angular.z)
        for each in heard
    }
    step_ns = contract.period_ns // contract.commands_per_tick
    for before, tick in itertools.pairwise(ticks):
        assert tick.t_ns == before.t_ns + contract.period_ns
        earned = [
            robot.advance(np.array(commands[t_ns]))
            for t_ns in range(before.t_ns, tick.t_ns, step_ns)
        ]
        assert tick.reward == pytest.approx(sum(earned), abs=1e-9)
    robot.close()
    return tuple(robot.task.tolist())


def test_a_base_watches_in_shadow_drives_to_drawn_posts_and_its_episodes_are_rebuilt(
    tmp_path: Path, domain
) -> None:
    with recorded_robot('diff_drive', tmp_path, domain, TICKS, TOPICS, SEED) as base:
        robot = base.robot
        heard: list[TwistStamped] = []
        robot.node.create_subscription(
            TwistStamped, '/cmd_vel', heard.append, _common.RELIABLE_QOS
        )
        begun = robot.ticks[-1].episode

        def watched() -> str | None:
            """An episode in shadow that was recorded from its beginning to its end."""
            return next((t.episode for t in robot.ticks if t.last and t.episode != begun), None)

        shadow = robot.until(watched, 'a whole episode in shadow')
        assert heard == [], 'a guard in shadow commands nothing'
        robot.activate()
        first, acted = robot.until(lambda: base.sealed()[:2][1:] and base.sealed(), 'two')[:2]
    drawn = [
        assert_earned_for_its_task(
            [tick for tick in robot.ticks if tick.episode == episode.name],
            heard,
            base.contract,
            SEED + i,
        )
        for i, episode in enumerate((first, acted))
    ]
    assert len(set(drawn)) == 2, 'each episode has a task of its own'
    for episode in (acted, base.episodes / shadow):
        assert check_episode(episode, rebuilt=True) == []
    arrays = to_arrays(acted)
    assert arrays['observed'].all()
    assert np.abs(arrays['action_sent']).max() > 0.05
    assert arrays['obs_task'].tolist() == [list(drawn[1])] * len(arrays['tick'])
    odometry = arrays['obs_odometry']
    assert np.abs(odometry[0]).max() < 1e-6 < np.abs(odometry[-1]).max()
    assert np.ptp(arrays['obs_scan'], axis=0).max() > 0.01
    assert np.isfinite(arrays['reward'][1:]).all() and np.ptp(arrays['reward'][1:]) > 0.0
    limits = base.contract
    assert all(limits.low[0] <= t.twist.linear.x <= limits.high[0] for t in heard)
    assert all(limits.low[1] <= t.twist.angular.z <= limits.high[1] for t in heard)
