# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes: the counter finds no off-by-one; arms are paired, blanked and repeatable."""

import math

import numpy as np
import pytest

from world_model_ros.contract import find_robot, load_contract, parse_contract
from world_model_ros.evaluation import (
    BlankedCamera,
    Job,
    RandomActor,
    run_arms,
    run_episode,
)
from world_model_ros.evaluation.bundle_actor import BundleActor
from world_model_ros.robots import make_env

COUNTER = load_contract(find_robot('counter'))
REACHER = load_contract(find_robot('reacher'))


class _Session:
    def __init__(self, function):
        self.function, self.feeds = function, []

    def run(self, names, feeds):
        self.feeds.append({name: np.array(value) for name, value in feeds.items()})
        out = self.function(**feeds)
        return [out[name] for name in names]


class _CounterBundle:
    """Belief = tick seen last; the policy asks for the imagined tick + 100."""

    def __init__(self):
        one = np.ones(1, np.float32)
        self.manifest = {
            'planner': {'horizon': 3, 'batch_size': 4, 'iteration_count': 0, 'max_std': 1.0}
        }
        self.initial_belief = np.full((1, 1), -1, np.float32)
        self.capabilities = {
            'observe': _Session(
                lambda obs_joints, **_: {
                    'belief_out': obs_joints[:, :1].copy(),
                    'surprise': one,
                }
            ),
            'imagine': _Session(lambda belief, action: {'belief_out': belief + 1}),
            'policy': _Session(
                lambda belief: {
                    'action_mean': belief + 100,
                    'action_std': np.ones((1, 1), np.float32),
                }
            ),
        }


class _Recorder:
    """Lets an actor act and keeps every step."""

    def __init__(self, actor):
        self.actor, self.steps = actor, []

    def reset(self, seed):
        self.actor.reset(seed)

    def __call__(self, step):
        self.steps.append(step)
        return self.actor(step)

    def figures(self):
        return {}


def test_counter_pays_at_each_tick_what_was_executed_before_it():
    env = make_env(COUNTER, 0)
    step = env.reset()
    decided = []
    for k in range(20):
        assert step.arrays['joints'][0] == step.tick == k
        assert step.arrays['camera'].min() == step.arrays['camera'].max() == k
        assert step.reward == step.action_sent[0]
        decided.append(k + 1.0)
        step = env.step(np.array([k + 1.0]))
        # decided at k, executed over [k + 1, k + 2), paid at k + 2
        assert step.reward == (decided[k - 1] if k >= 1 else 0.0)


def test_brain_gets_action_and_observation_of_the_same_tick_and_imagines_what_is_pending():
    bundle = _CounterBundle()
    actor = BundleActor(COUNTER, bundle, plan=False)
    for session in bundle.capabilities.values():
        session.feeds.clear()
    recorder = _Recorder(actor)
    result = run_episode(make_env(COUNTER, 0), recorder, 20_000)
    observed = bundle.capabilities['observe'].feeds
    assert result.length == len(observed) == 500
    for k, feed in enumerate(observed):
        # the policy at tick j asks for (j + 1) + 100: the tick at which its action starts
        assert feed['obs_joints'][0, 0] == k
        assert feed['is_first'][0, 0] == (k == 0)
        assert feed['action_sent'][0, 0] == (k - 1 + 100 if k >= 2 else 0)
        assert recorder.steps[k].pending[0, 0] == (k + 100 if k >= 1 else 0)
        assert recorder.steps[k].reward == feed['action_sent'][0, 0]
    assert result.episode_return == sum(k - 1 + 100 for k in range(2, 501))


def test_replay_ticks_of_the_trainer_pair_reward_and_action_the_same_way():
    collect = pytest.importorskip('world_model_ros.training.core.collect')
    env = make_env(COUNTER, 0)
    step = env.reset()
    for k in range(10):
        tick = collect.tick_arrays(COUNTER, step)
        assert tick['obs_joints'][0] == k
        if k:
            assert tick['reward'] == tick['action_sent'][0] == (k - 1 if k >= 2 else 0)
        step = env.step(np.array([k + 1.0]))


def test_blanked_camera_is_black_and_the_joints_are_not():
    seen = []

    class Inner:
        def __call__(self, step):
            seen.append(step)
            return np.zeros(2)

    env = make_env(REACHER, 0)
    step = env.reset()
    BlankedCamera(Inner(), REACHER)(step)
    assert not seen[0].arrays['camera'].any() and step.arrays['camera'].any()
    np.testing.assert_array_equal(seen[0].arrays['joints'], step.arrays['joints'])
    env.close()


def test_returns_follow_the_seed_alone_and_not_the_number_of_processes():
    job = Job(COUNTER.text, None)
    serial = run_arms(job, ['random'], [20_000, 20_001, 20_002])
    parallel = run_arms(job, ['random'], [20_000, 20_001, 20_002], jobs=2)
    returns = [r.episode_return for r in serial['random']]
    assert returns == [r.episode_return for r in parallel['random']]
    assert [r.seed for r in parallel['random']] == [20_000, 20_001, 20_002]
    assert len(set(returns)) == 3


def test_same_seed_gives_the_same_return_on_a_body_with_physics():
    short = parse_contract(REACHER.text.replace('max_ticks: 500', 'max_ticks: 60'))
    env = make_env(short, 0)
    actor = RandomActor(short)
    first = run_episode(env, actor, 20_003)
    run_episode(env, actor, 20_004)
    assert run_episode(env, actor, 20_003).episode_return == first.episode_return
    assert first.length <= 61 and first.episode_return >= 0 and math.isfinite(first.wall_s)
    env.close()


def test_unknown_arm_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r'oracel.*plan, policy'):
        run_arms(Job(COUNTER.text, None), ['oracel'], [1])


def test_arm_that_needs_a_bundle_says_so():
    with pytest.raises(ValueError, match='needs a bundle'):
        run_arms(Job(COUNTER.text, None), ['policy'], [1])
