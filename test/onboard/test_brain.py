# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the belief does when something is missing, late or new."""

import math

import numpy as np
from fake_bundle import FakeBundle
from onboard_contract import make_contract

from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.tick.observation import Observation

PENDING = np.zeros((1, 2), np.float32)
SENT = np.array([0.01, 0.02], np.float32)


def observation(x=(0.3, 0.4), valid=True):
    arrays = {'joints': np.array([*x, 0.0, 0.0], np.float32)}
    return Observation(0, arrays, np.zeros(2, np.float32), {}, valid)


def make_brain(**options):
    bundle = FakeBundle()
    brain = Brain(make_contract(), bundle, **options)
    bundle.forget()
    return brain, bundle


def step(brain, seen, is_first=False, tick=1):
    return brain.step(seen, SENT, PENDING, is_first, tick, math.inf)


def test_a_valid_observation_moves_the_belief_and_reports_predictions():
    brain, _ = make_brain()
    decision = step(brain, observation())
    assert decision.belief.tolist() == np.array([[0.3, 0.4]], np.float32).tolist()
    assert (decision.surprise, decision.reward, decision.value) == (0.5, 0.25, 2.0)
    assert decision.observed


def test_an_invalid_observation_is_imagined_and_counted():
    brain, bundle = make_brain()
    step(brain, observation((0.1, 0.1)))
    decision = step(brain, observation(valid=False))
    assert len(bundle.calls('observe')) == 1
    assert np.allclose(decision.belief, [[0.11, 0.12]])
    assert math.isnan(decision.surprise) and not decision.observed
    assert brain.invalid == 1


def test_a_belief_that_is_not_finite_is_never_kept():
    brain, _ = make_brain()
    step(brain, observation((0.1, 0.1)))
    decision = step(brain, observation((math.nan, 0.0)))
    assert np.isfinite(decision.belief).all() and not decision.observed


def test_skipped_ticks_move_belief_and_plan():
    brain, bundle = make_brain()
    step(brain, observation((0.0, 0.0)))
    bundle.forget()
    brain.skip(SENT)
    brain.skip(SENT)
    assert np.allclose(brain.belief, 2 * SENT)
    step(brain, observation())
    assert bundle.calls('plan')[0]['previous_mask'].tolist() == [1, 1, 0, 0, 0]


def test_the_first_tick_forgets_belief_and_plan():
    brain, bundle = make_brain()
    step(brain, observation((0.5, 0.5)))
    bundle.forget()
    step(brain, observation(), is_first=True)
    assert bundle.calls('observe')[0]['belief'].tolist() == [[0.0, 0.0]]
    assert bundle.calls('observe')[0]['is_first'].tolist() == [[1.0]]
    assert bundle.calls('plan')[0]['previous_mask'].sum() == 0


def test_an_invalid_first_tick_starts_from_the_initial_belief():
    brain, _ = make_brain()
    step(brain, observation((0.5, 0.5)))
    assert step(brain, observation(valid=False), is_first=True).belief.tolist() == [[0.0, 0.0]]


def test_a_reset_gives_the_same_decisions_again():
    brain, _ = make_brain()
    runs = []
    for _ in range(2):
        brain.reset(9)
        runs.append(
            [step(brain, observation((0.1 * t, 0.0)), t == 0, t).chunk.tolist() for t in range(4)]
        )
    assert runs[0] == runs[1]


def test_burn_in_forms_the_same_belief_as_living_through_it():
    lived, _ = make_brain()
    history = [(observation((0.1, 0.2)), SENT, True), (observation(valid=False), SENT, False)]
    for seen, _, is_first in history:
        step(lived, seen, is_first)
    burned, bundle = make_brain()
    burned.burn_in(history)
    assert np.array_equal(burned.belief, lived.belief)
    assert bundle.calls('plan') == []


def test_without_planning_the_policy_decides():
    brain, bundle = make_brain(plan=False)
    assert step(brain, observation()).source == 'policy'
    assert bundle.calls('plan') == []
