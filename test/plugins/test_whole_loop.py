# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One robot that lives by plug-ins alone: it learns, is exported, acts, is recorded, is rebuilt.

Its family, body, stream kind, command kind and reward function are of a package outside of ours.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import robot_processes
import toy_package

from world_model_ros.bundle import load_bundle
from world_model_ros.contract import load_contract
from world_model_ros.experience import check_episode, list_episodes, to_arrays
from world_model_ros.reward_function import reward_function

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
FRAMES, TICKS = 4_400, 40
CONTRACT = (
    toy_package.CONTRACT.replace('kind: effort', 'kind: velocity_array')
    .replace('  gravity_safe: true\n', '')
    .replace(
        'reward: {topic: reward, sampling: sum}',
        'reward: {function: wmr_toy.reward:speed}',
    )
    .replace(
        'action:',
        '  motor: {kind: temperature, topic: motor/temperature, rate: 25.0, max_age: 0.1,\n'
        '          scale: celsius}\naction:',
    )
)


def world_model(*words):
    """Run the command line as its user does."""
    line = [sys.executable, '-m', 'world_model_ros.cli.main', *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_robot_of_plugins_alone_goes_through_the_whole_learning_loop(toy, tmp_path, domain):
    path, bundle, episodes = tmp_path / 'toy.yaml', tmp_path / 'bundle', tmp_path / 'episodes'
    path.write_text(CONTRACT)
    contract = load_contract(path)
    learn = ('train-sim', path, '--family', 'toy', '--frames', FRAMES, '--threads', 1)
    world_model(*learn, '--out', tmp_path / 'run', '--bundle', bundle)

    assert load_bundle(bundle, contract).manifest['family'] == 'toy'
    common = {'contract': path, 'tick_source': 'lockstep'}
    with robot_processes.Robot(domain, tmp_path) as robot:
        robot.start('recorder', contract=path, use_sim_time=True, directory=episodes)
        robot.start('sim_robot', **common)
        robot.start('guard', use_sim_time=True, **common)
        robot.start('agent', use_sim_time=True, robot_id='r', bundle=bundle, **common)
        robot.listen()
        robot.until_recorder_hears()
        robot.activate()

        def acted():
            return [path for path in list_episodes(episodes) if path.name in robot.acting]

        robot.until(acted, 'a sealed episode', 60.0)
        episode = acted()[0]
    assert check_episode(episode, rebuilt=True) == []
    arrays = to_arrays(episode)
    assert arrays['obs_motor'].shape == (TICKS + 1, 1) and arrays['obs_motor'].min() > 15.0
    # Nobody showed it a plan: it pushes as hard as it may, since its reward is its speed.
    pushed = arrays['action_sent'][5:, 0]
    assert pushed.mean() > 0.5 and np.abs(pushed).max() <= 1.0
    earned = reward_function(contract.reward.function)(arrays)  # as ingest rates it
    assert earned.shape == (TICKS + 1,) and earned[-1] > 0.3
