# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Averaged weights: how they trail the learned ones, and that they survive and are shipped."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_learner import batch, learner

from world_model_ros.training.core import checkpoint


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()]).clone()


def trained(updates: int, **settings):
    """A learner after some updates, and its weights after each of them."""
    it, steps = learner(warmup_updates=1, **settings), []
    for _ in range(updates):
        it.update(batch())
        steps.append(weights(it.model))
    return it, torch.stack(steps)


def test_first_updates_are_averaged_evenly_without_the_random_start():
    it, steps = trained(6)
    assert steps.std(0).max() > 1e-3  # there is something to average
    torch.testing.assert_close(weights(it.average), steps.mean(0), rtol=1e-4, atol=1e-6)


def test_later_updates_enter_at_the_configured_rate():
    it, steps = trained(6, average=0.3)
    expected = steps[0]
    for number, step in enumerate(steps[1:], start=2):
        expected = expected + max(0.3, 1.0 / number) * (step - expected)
    torch.testing.assert_close(weights(it.average), expected, rtol=1e-4, atol=1e-6)


def test_the_average_learns_nothing_itself_and_shares_no_memory():
    it, _ = trained(1)
    assert not any(p.requires_grad for p in it.average.parameters())
    before = weights(it.average)
    with torch.no_grad():
        for parameter in it.model.parameters():
            parameter.add_(1.0)
    torch.testing.assert_close(weights(it.average), before, rtol=0, atol=0)


def test_normalisation_is_copied_not_averaged():
    """It is frozen after the learner is made: a mean of it and 1 would be neither."""
    it = learner()
    it.model.scale_joints.fill_(7.0)
    it.update(batch())
    assert (it.average.scale_joints == 7.0).all()


def test_a_checkpoint_keeps_both_sets_of_weights(tmp_path):
    it, _ = trained(3)
    checkpoint.save(tmp_path / 'checkpoint', it, {})
    again = learner()
    checkpoint.load(tmp_path / 'checkpoint', again)
    for ours, theirs in ((it.model, again.model), (it.average, again.average)):
        torch.testing.assert_close(weights(ours), weights(theirs), rtol=0, atol=0)
    assert not torch.equal(weights(again.model), weights(again.average))


def test_averaging_goes_on_after_a_restart_as_if_there_had_been_none(tmp_path):
    it, _ = trained(3)
    checkpoint.save(tmp_path / 'checkpoint', it, {})
    again = learner(warmup_updates=1)
    checkpoint.load(tmp_path / 'checkpoint', again)
    for one in (it, again):
        torch.manual_seed(5)
        one.update(batch())
    torch.testing.assert_close(weights(again.average), weights(it.average))


@pytest.mark.parametrize('prefix', ['average.', None])
def test_weights_without_an_average_are_their_own_average(tmp_path, prefix):
    """A checkpoint from before there were averages, or what travels beside a bundle."""
    it, _ = trained(3)
    folder = tmp_path / 'checkpoint'
    checkpoint.save(folder, it, {})
    file = folder / 'learner.safetensors'
    if prefix:
        kept = {k: v for k, v in load_file(file).items() if not k.startswith(prefix)}
    else:
        kept = it.shipped()
    save_file(kept, file)
    again = learner()
    checkpoint.load(folder, again)
    torch.testing.assert_close(weights(again.average), weights(again.model), rtol=0, atol=0)
    source = it.model if prefix else it.average
    torch.testing.assert_close(weights(again.model), weights(source), rtol=0, atol=0)
    assert again.updates == json.loads((folder / 'state.json').read_text())['updates'] == 3


def test_one_update_that_ruins_the_policy_hardly_moves_what_is_shipped():
    it, _ = trained(20)
    shipped = {k: v.clone() for k, v in it.shipped().items()}
    with torch.no_grad():
        for parameter in it.policy_params:
            parameter.add_(torch.randn_like(parameter))
    it.update(batch())
    for name, value in it.shipped().items():
        if name.startswith('model.policy_head'):
            ruined = dict(it.model.named_parameters())[name.removeprefix('model.')]
            assert (value - shipped[name]).norm() < 0.1 * (ruined - shipped[name]).norm()
