# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Dreamer family keeps its promises to planner, exporter and robot."""

import math

import pytest
import torch

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.families.dreamer.layers import TwoHot, patch_of
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.protocol import Decodes, WorldModel

MAX_PARAMETERS = 1_210_000


@pytest.fixture(scope='module')
def contract():
    return load_contract(find_robot('reacher'))


@pytest.fixture()
def model(contract):
    torch.manual_seed(0)
    return Dreamer(contract).eval()


def observation(contract, batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        'camera': torch.randint(
            0, 256, (batch, *contract.stream('camera').shape), generator=generator
        ).to(torch.uint8),
        'joints': torch.randn(batch, 4, generator=generator),
    }


def observe(model, belief, seen, action=None, first=0.0):
    batch = belief.shape[0]
    action = torch.zeros(batch, model.action_dim) if action is None else action
    ages = torch.zeros(batch, 2)
    return model.observe(belief, action, seen, ages, torch.full((batch, 1), first))


@pytest.mark.parametrize('robot', ['reacher', 'cartpole'])
def test_model_stays_within_the_parameters_a_robot_core_can_run(robot):
    model = Dreamer(load_contract(find_robot(robot)))
    assert sum(p.numel() for p in model.parameters()) <= MAX_PARAMETERS


def test_model_satisfies_the_protocols(model):
    assert isinstance(model, WorldModel)
    assert isinstance(model, Decodes)


def test_first_tick_forgets_belief_and_action(model, contract):
    seen = observation(contract)
    fresh, _ = observe(model, model.initial(2), seen, first=1.0)
    dirty = torch.randn(2, model.belief_dim)
    again, _ = observe(model, dirty, seen, action=torch.full((2, 2), 0.05), first=1.0)
    torch.testing.assert_close(fresh, again)


def test_previous_action_changes_the_belief(model, contract):
    seen = observation(contract)
    belief, _ = observe(model, model.initial(2), seen, first=1.0)
    still, _ = observe(model, belief, seen)
    moved, _ = observe(model, belief, seen, action=torch.full((2, 2), 0.05))
    assert (still - moved).abs().max() > 1e-4


def test_without_noise_the_rule_is_deterministic(model, contract):
    seen = observation(contract)
    first, _ = observe(model, model.initial(2), seen, first=1.0)
    second, _ = observe(model, model.initial(2), seen, first=1.0)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_turning_joint_enters_without_a_seam(model, contract):
    seen = observation(contract)
    turned = dict(seen, joints=seen['joints'].clone())
    turned['joints'][:, 0] += 2 * math.pi  # shoulder wraps, wrist does not
    one, _ = observe(model, model.initial(2), seen, first=1.0)
    two, _ = observe(model, model.initial(2), turned, first=1.0)
    torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


def test_age_has_no_influence_before_it_was_learned(model, contract):
    seen = observation(contract)
    zero = torch.zeros(2, model.action_dim)
    first = torch.ones(2, 1)
    fresh, _ = model.observe(model.initial(2), zero, seen, torch.zeros(2, 2), first)
    stale, _ = model.observe(model.initial(2), zero, seen, torch.full((2, 2), 0.1), first)
    torch.testing.assert_close(fresh, stale)


def test_untrained_heads_promise_nothing(model):
    belief = torch.randn(3, model.belief_dim)
    action = torch.zeros(3, model.action_dim)
    assert model.outcomes(belief, action, belief)[0].abs().max() < 1e-4
    assert model.value(belief).abs().max() < 1e-4


def test_policy_stays_inside_the_action_box(model, contract):
    mean, std = model.policy(100 * torch.randn(16, model.belief_dim))
    assert (mean.abs() <= torch.tensor(contract.action.high) + 1e-7).all()
    assert (std > 0).all()


def test_decoded_streams_have_the_contract_shapes(model, contract):
    seen = model.decode(torch.randn(2, model.belief_dim))
    assert seen['camera'].dtype == torch.uint8
    assert tuple(seen['camera'].shape[1:]) == contract.stream('camera').shape
    assert seen['joints'].shape == (2, 4)


@pytest.mark.parametrize('value', [-700.0, -1.0, 0.0, 0.3, 2.0, 999.0])
def test_two_hot_code_returns_the_scalar_it_was_given(value):
    code = TwoHot()
    target = torch.tensor([value])
    above = torch.searchsorted(code.bins, target).clamp(1, len(code.bins) - 1)
    low, high = code.bins[above - 1], code.bins[above]
    weight = (target - low) / (high - low)
    probs = torch.full((1, len(code.bins)), 1e-30)
    probs[0, above], probs[0, above - 1] = weight, 1 - weight
    assert code.mean(torch.log(probs.clamp(min=1e-30))).item() == pytest.approx(value, abs=1e-2)


def test_picture_of_another_shape_has_no_stem():
    with pytest.raises(ValueError, match=r'no stem for pictures of \(50, 64, 3\)'):
        patch_of((50, 64, 3))
