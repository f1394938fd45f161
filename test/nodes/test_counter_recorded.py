# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The counter through real nodes, the recorder, the bag and back: no number is off by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import robot_processes

from world_model_ros.contract import load_contract
from world_model_ros.experience import (
    EpisodeReader,
    check_episode,
    list_episodes,
    to_arrays,
)
from world_model_ros.experience.read.rebuild import read_ticks

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
TICKS = 40


def test_the_counter_comes_back_from_the_bag_without_an_off_by_one(tmp_path: Path, domain) -> None:
    path = robot_processes.counter_contract(tmp_path, f'{{reset: service, max_ticks: {TICKS}}}')
    bundle = robot_processes.tiny_bundle(tmp_path, load_contract(path))
    episodes = tmp_path / 'episodes'
    common = {'contract': path, 'tick_source': 'lockstep'}
    with robot_processes.Robot(domain, tmp_path) as robot:
        robot.start('recorder', contract=path, use_sim_time=True, directory=episodes)
        robot.start('sim_robot', **common)
        robot.start('guard', use_sim_time=True, **common)
        robot.start('agent', use_sim_time=True, robot_id='r', bundle=bundle, plan=False, **common)
        robot.listen()
        robot.until_recorder_hears()
        robot.activate()

        def sealed():
            """Acting ones: before them the simulator goes on alone, and shadow is recorded."""
            return [path for path in list_episodes(episodes) if path.name in robot.acting]

        robot.until(lambda: len(sealed()) >= 2, 'two sealed episodes')
        acted = sealed()[:2]
    for episode in acted:
        assert check_episode(episode, rebuilt=True) == []
        arrays = to_arrays(episode)
        ticks = np.arange(TICKS + 1)
        assert arrays['observed'].all() and arrays['tick'].tolist() == ticks.tolist()
        assert arrays['obs_joints'][:, 0].tolist() == ticks.tolist()
        assert arrays['obs_camera'][:, 5, 7, 1].tolist() == ticks.tolist()
        executed = arrays['action_sent'][:, 0]
        np.testing.assert_array_equal(arrays['reward'][1:], executed[1:])
        # Decided at tick k, in force from k + 1 on, reported as executed at k + 2.
        asked = np.array([record.asked[0] for record in read_ticks(EpisodeReader(episode))])
        np.testing.assert_allclose(executed[2:], asked[:-2], rtol=1e-6)
        assert len(np.unique(asked)) > TICKS // 2, 'a constant would hide an off-by-one'
        assert np.flatnonzero(arrays['is_first']).tolist() == [0]
        assert np.flatnonzero(arrays['truncated']).tolist() == [TICKS]
