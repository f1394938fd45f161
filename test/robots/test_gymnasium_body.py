# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A Gymnasium environment behind a contract: names, scales, seeds, ends and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from world_model_ros.contract import parse_contract
from world_model_ros.robots import BodyError, EnvError, Reality, make_env

gymnasium = pytest.importorskip('gymnasium')
point_mass = pytest.importorskip('point_mass')

PENDULUM = """
format: 1
name: pendulum
body: gymnasium:Pendulum-v1
control: {period: 0.05, tick: {source: timer}, command_rate: 20.0, command_timeout: 0.2}
streams:
  joints: {kind: joints, topic: joint_states, rate: 20.0, max_age: 0.1,
           names: [cos, sin, speed], fields: [position]}
action: {topic: command, kind: effort, names: [torque], low: [-2.0], high: [2.0],
         rate_limit: [1000.0], safe: zero, gravity_safe: true}
episode: {reset: service, max_ticks: 1000}
"""


def contract(*changes, text=point_mass.CONTRACT):
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_contract(text)


def make(*changes, seed=0, **settings):
    """An Env around the point mass, and the environment within."""
    env = make_env(contract(*changes), seed)
    inner = env.robot.body._env.unwrapped
    for name, value in settings.items():
        setattr(inner, name, value)
    return env, inner


def test_observation_vector_and_picture_arrive_as_the_contract_names_them():
    env, inner = make()
    step = env.reset()
    assert step.arrays['joints'] == pytest.approx([inner.state[0], 0.0, 0.5])
    assert step.arrays['camera'].shape == (32, 32, 3) and step.arrays['camera'].max() > 60
    for _ in range(3):
        step = env.step([10.0])
    assert step.arrays['joints'] == pytest.approx([*inner.state, 0.75])
    env.close()


def test_actions_are_scaled_from_the_contract_to_the_environment_and_act_after_the_offset():
    env, inner = make()
    env.reset()
    for action in (20.0, -20.0, 10.0, 0.0):
        env.step([action])
    assert inner.actions == pytest.approx([0.5, 0.5, 1.0, 1.0, 0.0, 0.0, 0.75, 0.75])


def test_rewards_are_summed_over_the_frames_of_a_tick():
    env, inner = make(bonus=2.0)
    env.reset()
    step = env.step([0.0])
    assert step.reward == pytest.approx(2 * (3.0 - abs(inner.state[0])))


def test_a_termination_ends_the_episode_and_nothing_is_stepped_or_paid_after_it():
    env, inner = make()
    env.reset()
    inner.state[:] = 0.99, 1.0
    step = env.step([0.0])
    assert step.terminal and not step.truncated
    assert len(inner.actions) == 1 and step.reward == pytest.approx(1.0 - inner.state[0])
    with pytest.raises(EnvError, match='reset'):
        env.step([0.0])
    assert not env.reset().terminal


def test_a_truncation_by_the_environment_is_one_of_the_episode():
    env, _ = make(most=6)
    env.reset()
    steps = [env.step([0.0]) for _ in range(3)]
    assert [step.truncated for step in steps] == [False, False, True]
    assert not any(step.terminal for step in steps) and not env.reset().truncated


def test_seeds_repeat_and_go_on():
    env, _ = make(seed=5)
    first, second = (env.reset().arrays['joints'][0] for _ in range(2))
    assert first != second and env.reset(5).arrays['joints'][0] == first
    assert make(seed=9)[0].reset(5).arrays['joints'][0] == first


def test_motor_strength_and_the_camera_shift_and_friction_is_refused():
    env, inner = make()
    plain = env.reset().arrays['camera']
    env.set_reality(Reality(motor_strength=0.5, camera_exposure=0.5))
    assert env.reset(0).arrays['camera'].max() < plain.max()
    for _ in range(2):
        env.step([20.0])
    assert inner.actions[-1] == pytest.approx(0.75)
    with pytest.raises(BodyError, match='friction'):
        env.set_reality(Reality(friction=2.0))
    assert env.reality.motor_strength == 0.5


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (('PointMass-v0', 'PointMess-v0'), 'PointMess'),
        (('point_mass:P', 'no_such_module:P'), 'no_such_module'),
        (('gymnasium:point_mass:PointMass-v0', 'gymnasium'), 'gymnasium:Pendulum-v1'),
        (('point_mass:PointMass-v0', 'CartPole-v1'), 'Discrete actions'),
        (('place, speed, last_action', 'place, speed'), 'has 3 components.*name 2'),
        (('fields: [position]', 'fields: [velocity]'), r'read as \[position\]'),
        (('names: [push]\n  low: [-20.0]\n  high: [20.0]\n  rate_limit: [100000.0]',
          'names: [a, b]\n  low: [-1, -1]\n  high: [1, 1]\n  rate_limit: [9, 9]'),
         'takes 1 actions.*names 2'),
        (('frames_per_tick: 2', 'frames_per_tick: 1'), r'frames of 0\.05 s'),
    ],
)  # fmt: skip
def test_a_contract_that_does_not_fit_is_refused_in_one_line(change, words):
    with pytest.raises(BodyError, match=words) as caught:
        make_env(contract(change), 0)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    'picture',
    [[1], np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)],
)
def test_a_render_that_is_no_picture_is_refused(picture):
    env, _ = make(picture=picture)
    with pytest.raises(BodyError, match='renders'):
        env.reset()


def test_a_reward_that_is_no_number_is_refused():
    env, _ = make(bonus=float('nan'))
    env.reset()
    with pytest.raises(BodyError, match='reward is nan'):
        env.step([0.0])


def test_positions_are_held_where_the_episode_begins():
    env, inner = make(
        ('kind: effort', 'kind: position'), ('safe: zero', 'safe: hold'), ('[push]', '[place]'),
        ('gravity_safe: true', 'box_tolerance: 0.1'), ('[-20.0]', '[-2.0]'), ('[20.0]', '[2.0]'),
    )  # fmt: skip
    step = env.reset()
    start = float(step.arrays['joints'][0])
    env.step([start])
    assert inner.actions == pytest.approx([0.5 + start / 4] * 2)


def test_pendulum_swings_as_it_does_alone():
    env = make_env(contract(text=PENDULUM), 0)
    alone = gymnasium.make('Pendulum-v1')
    step = env.reset(3)
    seed = int(np.random.default_rng(3).integers(2**31))
    observation, _ = alone.reset(seed=seed)
    assert step.arrays['joints'] == pytest.approx(observation)
    actions = np.random.default_rng(1).uniform(-2, 2, 200)
    for k in range(200):
        sent = 0.0 if k == 0 else actions[k - 1]  # one period later
        observation, reward, _, truncated, _ = alone.step(np.array([sent], np.float32))
        step = env.step([actions[k]])
        assert step.arrays['joints'] == pytest.approx(observation, abs=1e-5)
        assert step.reward == pytest.approx(float(reward), abs=1e-5)
        assert step.truncated == truncated and not step.terminal
    assert step.truncated
