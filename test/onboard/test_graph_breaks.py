# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A graph that raises: its device is gone, or it cannot take what came. The model is left."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from fake_bundle import FakeBundle
from onboard_contract import make_contract

from world_model_ros.evaluation.bundle_actor import BundleActor
from world_model_ros.onboard.agent.episode import Episode, Options
from world_model_ros.onboard.agent.thinking import Thinking
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.policy.capabilities import GraphError
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.policy.swap import Swap
from world_model_ros.onboard.tick.observation import Observation

PENDING = np.zeros((1, 2), np.float32)
SENT = np.array([0.01, 0.02], np.float32)
SAID = 'CUDA failure 999: unknown error'
GRAPHS = ('observe', 'imagine', 'value', 'outcomes', 'plan')


def seen(valid=True):
    arrays = {'joints': np.array([0.1, -0.1, 0.0, 0.0], np.float32)}
    return Observation(0, arrays, np.zeros(2, np.float32), {}, valid)


def lose_device(bundle, graphs=GRAPHS):
    def raises(**feed):
        raise RuntimeError(f'{SAID}\nmany lines of ONNX Runtime')

    for name in graphs:
        bundle.capabilities[name].function = raises


def make_thinking(*bundles):
    """The last of these bundles acts; the one before it is there to go back to."""
    contract, warnings = make_contract(), []
    swap = Swap(Model(Brain(contract, bundles[0]), 'a', 1), lambda status: None)
    port = SimpleNamespace(warn=warnings.append)
    thinking = Thinking(contract, swap, port, Options(), lockstep=True)
    episode = Episode.__new__(Episode)
    episode.noise_key, episode.explore = 7, False
    thinking.begin(episode)
    for number, bundle in enumerate(bundles[1:], start=2):
        swap.offer('b', number, '/slot', lambda new=bundle: Model(Brain(contract, new), 'b', 2))
        swap.load()
        assert swap.commit(safe=True)
    return SimpleNamespace(
        swap=swap,
        warnings=warnings,
        think=lambda tick: thinking.step(
            seen(), SENT, PENDING, tick == 0, tick, episode, math.inf
        ),
    )


@pytest.mark.parametrize('graph', GRAPHS)
def test_graph_that_raises_is_a_failure_in_words_and_its_plan_is_no_number(graph):
    bundle = FakeBundle()
    brain = Brain(make_contract(), bundle)
    assert not brain.step(seen(), SENT, PENDING, True, 0, math.inf).failure
    lose_device(bundle, [graph])
    decision = brain.step(seen(), SENT, PENDING, False, 1, math.inf)
    assert decision.broke and decision.failure == f'{graph} cannot compute: {SAID}'
    assert graph in ('value', 'outcomes', 'observe') or np.isnan(decision.chunk).all()
    assert np.isfinite(brain.belief).all()
    bundle.capabilities[graph].function = getattr(bundle, f'_{graph}')
    healed = brain.step(seen(), SENT, PENDING, False, 2, math.inf)
    assert not healed.failure and not healed.broke and np.isfinite(healed.chunk).all()


def test_graph_that_raises_while_ticks_are_passed_over_is_said_at_the_next_decision():
    bundle = FakeBundle()
    brain = Brain(make_contract(), bundle)
    brain.step(seen(), SENT, PENDING, True, 0, math.inf)
    lose_device(bundle, ['imagine'])
    brain.skip(SENT)
    bundle.capabilities['imagine'].function = bundle._imagine
    assert brain.step(seen(), SENT, PENDING, False, 2, math.inf).broke


def test_release_whose_graph_raises_gives_the_robot_back_at_that_very_tick():
    old, new = FakeBundle(), FakeBundle()
    robot = make_thinking(old, new)
    robot.think(0)
    lose_device(new)
    decision = robot.think(1)
    assert not decision.failure and np.isfinite(decision.chunk).all()
    assert robot.swap.acting.digest == 'a'
    assert SAID in robot.swap.status()['rolled_back']['reason'] and SAID in robot.warnings[0]


def test_without_a_model_to_go_back_to_the_thread_ends_with_the_graph_and_its_words():
    bundle = FakeBundle()
    robot = make_thinking(bundle)
    robot.think(0)
    lose_device(bundle)
    with pytest.raises(GraphError, match=f'observe cannot compute: {SAID}'):
        robot.think(1)


def test_candidate_whose_graph_raises_is_refused_and_the_acting_model_stays():
    old, new = FakeBundle(), FakeBundle()
    robot = make_thinking(old)
    robot.think(0)
    brain = Brain(make_contract(), new)
    lose_device(new)
    robot.swap.offer('b', 2, '/slot', lambda: Model(brain, 'b', 2))
    robot.swap.load()
    assert SAID in robot.swap.status()['candidate']['reason']
    assert not robot.swap.commit(safe=True) and not robot.think(1).failure


def test_evaluation_ends_with_the_graph_that_raised():
    bundle = FakeBundle()
    actor = BundleActor(make_contract(), bundle, noise_key=lambda seed: seed)
    actor.reset(1)
    lose_device(bundle)
    step = SimpleNamespace(
        observation=seen(), action_sent=SENT, pending=PENDING, is_first=True, tick=0
    )
    with pytest.raises(GraphError, match='cannot compute'):
        actor(step)
