# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A base with camera, scan and odometry through the real nodes: in shadow, driving, recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('mujoco')

import robot_processes
from geometry_msgs.msg import TwistStamped

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.experience import check_episode, list_episodes, to_arrays
from world_model_ros.nodes import _common

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
TICKS = 20
TOPICS = frozenset({'/camera/image_raw', '/scan', '/odom', '/reward'})


def short(folder: Path) -> Path:
    """The shipped base with short episodes."""
    text = find_robot('diff_drive').read_text()
    assert 'max_ticks: 300' in text
    path = folder / 'diff_drive.yaml'
    path.write_text(text.replace('max_ticks: 300', f'max_ticks: {TICKS}'))
    return path


def test_a_base_watches_in_shadow_drives_when_activated_and_its_episodes_are_rebuilt(
    tmp_path: Path, domain
) -> None:
    path = short(tmp_path)
    bundle = robot_processes.tiny_bundle(tmp_path, load_contract(path))
    episodes = tmp_path / 'episodes'
    common = {'contract': path, 'tick_source': 'lockstep'}
    with robot_processes.Robot(domain, tmp_path) as robot:
        heard: list[TwistStamped] = []
        robot.node.create_subscription(
            TwistStamped, '/cmd_vel', heard.append, _common.RELIABLE_QOS
        )
        robot.start('recorder', contract=path, use_sim_time=True, directory=episodes)
        robot.start('sim_robot', **common)
        robot.start('guard', use_sim_time=True, **common)
        robot.start('agent', use_sim_time=True, robot_id='r', bundle=bundle, plan=False, **common)
        robot.listen()
        robot.until_recorder_hears(TOPICS)
        robot.until(lambda: any(tick.valid for tick in robot.ticks), 'a valid tick in shadow')
        robot.until_recorder_hears_the_agent()
        begun = robot.ticks[-1].episode

        def watched() -> str | None:
            """An episode in shadow that was recorded from its beginning to its end."""
            return next((t.episode for t in robot.ticks if t.last and t.episode != begun), None)

        shadow = robot.until(watched, 'a whole episode in shadow')
        assert heard == [], 'a guard in shadow commands nothing'
        robot.activate()

        def sealed() -> list[Path]:
            return [path for path in list_episodes(episodes) if path.name in robot.acting]

        acted = robot.until(lambda: sealed()[1:2], 'two sealed episodes')[0]
    for episode in (acted, episodes / shadow):
        assert check_episode(episode, rebuilt=True) == []
    arrays = to_arrays(acted)
    assert arrays['observed'].all()
    assert np.abs(arrays['action_sent']).max() > 0.05
    assert arrays['obs_task'].tolist() == [[1.0, 0.0, 0.0, 0.0]] * len(arrays['tick'])
    odometry = arrays['obs_odometry']
    assert np.abs(odometry[0]).max() < 1e-6 < np.abs(odometry[-1]).max()
    assert np.ptp(arrays['obs_scan'], axis=0).max() > 0.01
    assert np.isfinite(arrays['reward'][1:]).all() and np.ptp(arrays['reward'][1:]) > 0.0
    limits = load_contract(path)
    assert all(limits.low[0] <= t.twist.linear.x <= limits.high[0] for t in heard)
    assert all(limits.low[1] <= t.twist.angular.z <= limits.high[1] for t in heard)
