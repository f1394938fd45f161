# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes through the real nodes in lockstep are those of Env, number for number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('mujoco')

import robot_processes

from world_model_ros.bundle import load_bundle
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.evaluation import report_seeds
from world_model_ros.evaluation.bundle_actor import BundleActor
from world_model_ros.onboard.policy.noise import noise_key
from world_model_ros.robots import make_env

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
EPISODES, TICKS, SEED = 2, 60, 11
SHIPPED = Path(__file__).resolve().parents[2] / 'config' / 'bundles'


def short(name, folder):
    """A robot's file with short episodes; its bundles fit it all the same."""
    text, ticks = re.subn(r'max_ticks: \d+', f'max_ticks: {TICKS}', find_robot(name).read_text())
    assert ticks == 1
    path = folder / f'{name}.yaml'
    path.write_text(text)
    return path


def through_nodes(folder, domain, contract, bundle, seed, episodes, seconds):
    """Episodes from these seeds through sim_robot, guard and agent, as lists of tick records."""
    common = {'contract': contract, 'tick_source': 'lockstep'}
    keys = [noise_key(str(seed + i)) for i in range(episodes)]
    with robot_processes.Robot(domain, folder) as robot:
        robot.start('sim_robot', seed=seed, **common)
        # A machine that is busy elsewhere may take longer than a guard waits by default.
        robot.start('guard', use_sim_time=True, lockstep_patience=seconds, **common)
        robot.start(
            'agent', use_sim_time=True, robot_id='r', bundle=bundle, noise_seed=seed, **common
        )
        robot.listen()
        robot.activate()
        robot.until(
            lambda: any(t.last and t.noise_key == keys[-1] for t in robot.ticks[-20:]),
            'all episodes',
            seconds,
        )
        return [[t for t in robot.ticks if t.noise_key == key] for key in keys]


def in_env(contract, bundle, seed, episodes):
    """The same episodes in one process, as lists of (asked, sent, reward, obs_crc)."""
    actor = BundleActor(
        contract, load_bundle(bundle, contract), noise_key=lambda key: noise_key(str(key))
    )
    env = make_env(contract, seed)
    for i in range(seed, seed + episodes):
        step, rows = env.reset(i), []
        actor.reset(i)
        while True:
            chunk = actor(step)
            rows.append((chunk[0], step.action_sent, step.reward, step.observation.crc))
            if step.truncated or step.terminal:
                break
            step = env.step(chunk)
        yield rows
    env.close()


def assert_same(ticks, rows, max_ticks):
    """One episode's tick records are those of Env, number for number."""
    assert [t.tick for t in ticks] == list(range(max_ticks + 1))
    assert ticks[-1].truncated and ticks[-1].last and not ticks[-1].terminal
    for tick, (asked, sent, reward, crc) in zip(ticks, rows, strict=True):
        np.testing.assert_array_equal(tick.asked, asked.astype(float))
        np.testing.assert_array_equal(tick.sent, sent.astype(float))
        assert (tick.reward, tick.obs_crc, tick.valid) == (reward, crc, True)
    assert sum(t.reward for t in ticks) == sum(row[2] for row in rows)
    assert any(t.sent.any() for t in ticks), 'a robot at rest would prove little'


def test_lockstep_episodes_equal_those_of_env(tmp_path, domain):
    path = short('reacher', tmp_path)
    contract = load_contract(path)
    bundle = robot_processes.tiny_bundle(tmp_path, contract)
    heard = through_nodes(tmp_path, domain, path, bundle, SEED, EPISODES, 120.0)
    for ticks, rows in zip(heard, in_env(contract, bundle, SEED, EPISODES), strict=True):
        assert_same(ticks, rows, TICKS)


@pytest.mark.parametrize('name', ['reacher', 'cartpole'])
def test_an_episode_of_the_shipped_bundle_equals_that_of_env(tmp_path, domain, name):
    path = short(name, tmp_path)
    contract, bundle, seed = load_contract(path), SHIPPED / name, report_seeds(1)[0]
    iterations = load_bundle(bundle, contract).manifest['planner']['iteration_count']
    heard = through_nodes(tmp_path, domain, path, bundle, seed, 1, 240.0)
    for ticks, rows in zip(heard, in_env(contract, bundle, seed, 1), strict=True):
        assert_same(ticks, rows, TICKS)
        assert {t.iterations for t in ticks} == {iterations}
