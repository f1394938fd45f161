# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes through the real nodes in lockstep are those of Env, number for number."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('mujoco')
sys.path.insert(0, str(Path(__file__).parent))

import robot_processes  # noqa: E402

from world_model_ros.bundle import load_bundle  # noqa: E402
from world_model_ros.contract import find_robot, load_contract  # noqa: E402
from world_model_ros.onboard.assembly import Observation  # noqa: E402
from world_model_ros.onboard.brain import Brain  # noqa: E402
from world_model_ros.onboard.noise import noise_key  # noqa: E402
from world_model_ros.robots import make_env  # noqa: E402

pytestmark = pytest.mark.ros
EPISODES, TICKS, SEED = 2, 60, 11


@pytest.fixture
def short_contract(tmp_path):
    text = find_robot('reacher').read_text().replace('max_ticks: 500', f'max_ticks: {TICKS}')
    path = tmp_path / 'short.yaml'
    path.write_text(text)
    return path


def in_env(contract, bundle):
    """The same episodes in one process, as lists of (asked, sent, reward, obs_crc)."""
    brain, env = Brain(contract, load_bundle(bundle, contract)), make_env(contract, SEED)
    for i in range(EPISODES):
        step, rows = env.reset(SEED + i), []
        brain.reset(noise_key(str(SEED + i)))
        while True:
            seen = Observation(step.t_ns, step.arrays, step.ages, {}, True)
            decision = brain.step(
                seen, step.action_sent, step.pending, step.is_first, step.tick, math.inf
            )
            rows.append((decision.chunk[0], step.action_sent, step.reward, seen.crc))
            if step.truncated or step.terminal:
                break
            step = env.step(decision.chunk)
        yield rows
    env.close()


def test_lockstep_episodes_equal_those_of_env(tmp_path, short_contract):
    contract = load_contract(short_contract)
    bundle = robot_processes.tiny_bundle(tmp_path, contract)
    common = {'contract': short_contract, 'tick_source': 'lockstep'}
    with robot_processes.Robot(76, tmp_path) as robot:
        robot.start('sim_robot', seed=SEED, **common)
        robot.start('guard', use_sim_time=True, **common)
        robot.start(
            'agent', use_sim_time=True, robot_id='r', bundle=bundle, noise_seed=SEED, **common
        )
        robot.listen()
        robot.activate()
        keys = [noise_key(str(SEED + i)) for i in range(EPISODES)]
        robot.until(
            lambda: any(t.last and t.noise_key == keys[-1] for t in robot.ticks),
            'all episodes',
            40.0,
        )
        heard = [[t for t in robot.ticks if t.noise_key == key] for key in keys]
    for ticks, rows in zip(heard, in_env(contract, bundle), strict=True):
        assert [t.tick for t in ticks] == list(range(TICKS + 1))
        assert ticks[-1].truncated and ticks[-1].last and not ticks[-1].terminal
        assert sum(t.reward for t in ticks) == sum(row[2] for row in rows)
        for tick, (asked, sent, reward, crc) in zip(ticks, rows, strict=True):
            np.testing.assert_array_equal(tick.asked, asked.astype(float))
            np.testing.assert_array_equal(tick.sent, sent.astype(float))
            assert (tick.reward, tick.obs_crc, tick.valid) == (reward, crc, True)
