# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recipe learns what small problems teach: values, pictures, masks."""

import dataclasses
import math

import pytest
import torch
from small_learner import SMALL, batch, learner

from world_model_ros.families.device import CPU, has_bf16
from world_model_ros.families.dreamer.algorithm import Learner
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.dreamer.returns import lambda_returns, replay_returns


@pytest.mark.parametrize('asked', [None, False, True])
def test_pictures_are_learned_in_bf16_where_the_processor_has_it_or_as_asked(asked):
    it = learner(bf16=asked)
    expected = has_bf16(CPU) if asked is None else asked
    assert it.settings()['bf16'] is it.bf16 is expected


def test_lambda_returns_match_a_hand_calculation():
    reward = torch.tensor([[1.0], [2.0]])
    value = torch.tensor([[10.0], [20.0]])
    alive = torch.tensor([[1.0], [0.0]])
    out = lambda_returns(reward, alive, value, 0.9, 0.5)
    assert out[1].item() == pytest.approx(2.0)  # terminal: nothing follows
    assert out[0].item() == pytest.approx(1.0 + 0.9 * (0.5 * 10.0 + 0.5 * 2.0))


def test_missing_rewards_are_masked_not_zero():
    it = learner()
    data = batch()
    data['reward'][:] = math.nan
    figures = it.update(data)
    assert figures['loss/reward'] == 0.0
    assert all(math.isfinite(v) for v in figures.values())


def test_replay_returns_do_not_cross_episodes():
    it = learner()
    data = batch()
    data['is_first'][:, 4] = True
    beliefs = torch.zeros(4, 8, it.model.belief_dim)
    _, mask = replay_returns(it.model.value(beliefs), data, it.discount, 0.95)
    assert (mask[:, 3] == 0).all() and (mask[:, 4] == 1).all()


@pytest.mark.parametrize('unit', [None, 1.5])
def test_two_state_chain_reaches_its_known_value(unit):
    """Beliefs e0 -> e1 -> e0 with rewards 1 and 0: v0 = g / (1 - g^2), v1 = 1 / (1 - g^2)."""
    it = learner(value_lr=3e-3, slow_value=0.2)
    it.discount = 0.8
    if unit is not None:
        config = dataclasses.replace(SMALL, value_code='scaled')
        it = Learner(Dreamer(it.model.contract, config), it.config)
        it.discount = 0.8
        it.model.value_code.unit.fill_(unit)
    beliefs = torch.zeros(4, 8, it.model.belief_dim)
    beliefs[:, 0::2, 0] = 1.0
    beliefs[:, 1::2, 1] = 1.0
    data = batch()
    data['reward'] = torch.zeros(4, 8)
    data['reward'][:, 0::2] = 1.0  # reward on arriving in state 0, that is, leaving state 1
    optimiser = it.optimisers[1]
    optimiser.param_groups[0]['lr'] = 3e-3
    for _ in range(400):
        with torch.no_grad():
            slow = it.model.value_code.mean(it.slow_value(beliefs))
        targets, mask = replay_returns(slow, data, it.discount, it.config.lambda_)
        code = it.model.value_code.loss(it.model.value_head(beliefs[:, :-1]), targets)
        it._step(optimiser, it.value_params, (code * mask).mean())
        with torch.no_grad():
            for slow, fast in zip(it.slow_value.parameters(), it.value_params, strict=True):
                slow.lerp_(fast, 0.2)
    with torch.no_grad():
        found = it.model.value(beliefs[0, :2])
    assert found[0].item() == pytest.approx(0.8 / (1 - 0.64), rel=0.05)
    assert found[1].item() == pytest.approx(1.0 / (1 - 0.64), rel=0.05)


def test_one_batch_is_overfitted():
    it = learner(warmup_updates=1, model_lr=2e-3, decode_share=1.0)
    data = batch(size=2, length=4)
    data['obs_camera'][:] = 0
    data['obs_camera'][:, :, 20:40, 10:30] = 220  # one block to learn
    first = it.update(data)
    for _ in range(80):
        last = it.update(data)
    assert last['loss/picture_camera'] < 0.2 * first['loss/picture_camera']
    assert last['loss/vector'] < first['loss/vector']


def test_a_broken_gradient_does_not_enter_the_weights():
    it = learner()
    data = batch()
    data['obs_joints'][0, 0, 1] = math.nan
    it.update(data)
    assert all(torch.isfinite(p).all() for p in it.model.parameters())
