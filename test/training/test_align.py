# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights from elsewhere: first the pictures alone are learned anew, then everything."""

from __future__ import annotations

import torch
from small_learner import batch, learner

from world_model_ros.training import checkpoint

ALIGN, SETTLE = 4, 2


def aligning(**settings):
    it = learner(warmup_updates=1, align_updates=ALIGN, settle_updates=SETTLE, **settings)
    it.align()
    return it


def changed(it, before) -> set[str]:
    """The parts of the model whose weights are others now."""
    after = it.model.state_dict()
    return {
        name.split('.')[0] for name, was in before.items() if not torch.equal(was, after[name])
    }


def copy(it) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in it.model.state_dict().items()}


def test_first_the_picture_nets_change_then_all_but_the_policy_then_everything():
    it = aligning()
    before, slow = copy(it), [p.clone() for p in it.slow_value.parameters()]
    for _ in range(ALIGN):
        figures = it.update(batch())
        assert 'loss/picture_camera' in figures and 'loss/policy' not in figures
    assert changed(it, before) == {'encoders', 'decoders'}
    assert all(torch.equal(a, b) for a, b in zip(slow, it.slow_value.parameters(), strict=True))
    before, model = copy(it), {'encoders', 'decoders', 'gru', 'reward_head', 'value_head'}
    for _ in range(SETTLE):
        assert 'loss/policy' in it.update(batch())
    settled = changed(it, before)
    assert model <= settled and 'policy_head' not in settled
    it.update(batch())
    assert 'policy_head' in changed(it, before)


def test_what_is_shipped_forgets_the_pictures_that_were_not_aligned():
    it = aligning()
    for _ in range(ALIGN + 1):
        it.update(batch())
    ours, shipped = it.model.state_dict(), it.average.state_dict()
    assert all(torch.equal(ours[name], shipped[name]) for name in ours)


def test_a_killed_alignment_goes_on_where_it_was(tmp_path):
    it = aligning()
    it.update(batch())
    checkpoint.save(tmp_path / 'checkpoint', it, {})
    again = learner(warmup_updates=1, align_updates=ALIGN)
    checkpoint.load(tmp_path / 'checkpoint', again)
    before = copy(again)
    for _ in range(ALIGN - 1):
        again.update(batch())
    assert changed(again, before) == {'encoders', 'decoders'}
    for _ in range(SETTLE):
        again.update(batch())
    assert 'policy_head' not in changed(again, before)
    again.update(batch())
    assert 'policy_head' in changed(again, before)


def test_a_robot_without_cameras_has_nothing_to_align():
    it = learner(align_updates=ALIGN, settle_updates=SETTLE)
    it.picture_params = []
    it.align()
    assert not it.aligning and 'loss/policy' in it.update(batch())
