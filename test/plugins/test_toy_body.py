# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A body of another package is used through a contract: in Env, by the trainer, by the node."""

from __future__ import annotations

import numpy as np
import pytest
import toy_package

from world_model_ros.contract import parse_contract
from world_model_ros.robots import BodyError, make_env
from world_model_ros.robots.bodies import BODIES, make_body


def toy_contract(*changes):
    text = toy_package.CONTRACT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_contract(text)


def test_env_steps_a_body_that_no_file_of_ours_knows(toy):
    assert 'toy_mass' in BODIES.names() and BODIES.package('toy_mass') == 'wmr-toy 0.1'
    env = make_env(toy_contract(), 3)
    step = env.reset()
    start = step.arrays['joints'].copy()
    assert step.reward == 0.0
    for _ in range(40):
        step = env.step([1.0])
    assert step.truncated and step.arrays['joints'][0] > start[0]
    # Velocity under a constant force, one tick after it was decided: linear and known.
    speed = start[1]
    for k in range(80):
        speed += 0.02 * ((0.0 if k < 2 else 1.0) - 0.5 * speed)
    assert step.arrays['joints'][1] == pytest.approx(speed, abs=1e-5)
    assert 0.0 < step.reward <= 2.0
    again = env.reset(3)
    np.testing.assert_array_equal(again.arrays['joints'], start)


def test_without_the_package_the_contract_says_what_is_missing():
    with pytest.raises(BodyError, match=r"body is 'toy_mass'.*there are: .*cartpole") as caught:
        make_body(toy_contract())
    assert '\n' not in str(caught.value)


def test_a_body_is_refused_where_the_contract_does_not_fit_it(toy):
    with pytest.raises(BodyError, match='takes effort or velocity_array, not velocity'):
        make_env(toy_contract(('kind: effort', 'kind: velocity'), ('gravity_safe: true', '')), 0)
    with pytest.raises(BodyError, match='names the joints arm'):
        make_env(toy_contract(('names: [mass], fields', 'names: [arm], fields')), 0)


@pytest.mark.parametrize(
    ('part', 'words'),
    [
        ('reward', 'wmr-toy 0.1 lacks reward'),
        ('__init__', 'wmr-toy 0.1 cannot be built.*TypeError'),
    ],
)
def test_a_body_that_is_none_is_named_with_its_package(toy, monkeypatch, part, words):
    factory = BODIES.load('toy_mass')
    if part == '__init__':
        monkeypatch.setattr(factory, part, lambda self: None)
    else:
        monkeypatch.delattr(factory, part)
    with pytest.raises(BodyError, match=words):
        make_body(toy_contract())


def test_a_reward_function_of_another_package_rates_simulated_ticks(toy):
    rated = 'reward: {topic: reward, sampling: sum, function: "wmr_toy.reward:rest_at_target"}'
    env = make_env(toy_contract(('reward: {topic: reward, sampling: sum}', rated)), 3)
    step = env.reset()
    assert step.reward == 0.0
    for k in range(5):
        step = env.step([0.5])
        place, speed = step.arrays['joints']
        force = 0.0 if k == 0 else 0.5
        expected = np.exp(-((place - 0.2) ** 2) - 0.1 * speed**2) - 0.01 * force**2
        assert step.reward == pytest.approx(expected, abs=1e-6)
