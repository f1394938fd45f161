# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A learner learns wherever its model is: on tensors that know their device and hold nothing.

torch's device `meta` needs no GPU, computes nothing, and raises where it meets another device.
"""

import contextlib

import pytest

torch = pytest.importorskip('torch')

from small_learner import SMALL, batch, learner

from world_model_ros.families.dreamer.net import Dreamer

META = torch.device('meta')


@pytest.fixture
def elsewhere(monkeypatch):
    """The device `meta`: what is read of its tensors is 1; it has no mixed precision."""
    monkeypatch.setattr(torch.Tensor, '__float__', lambda self: 1.0)
    monkeypatch.setattr(torch.Tensor, '__bool__', lambda self: True)
    monkeypatch.setattr(torch.Tensor, 'item', lambda self: 1.0)
    asked = []

    def autocast(device, *_, **__):
        asked.append(device)
        return contextlib.nullcontext()

    monkeypatch.setattr(torch, 'autocast', autocast)
    monkeypatch.setattr(torch, 'is_autocast_enabled', lambda device: device != 'meta')
    return asked


def windows(device='cpu'):
    return {name: rows.to(device) for name, rows in batch().items()}


@pytest.mark.parametrize('anchored', [False, True])
def test_updates_meet_no_tensor_of_another_device(elsewhere, anchored):
    with META:
        ours = learner()
        if anchored:
            ours.anchor(Dreamer(ours.model.contract, SMALL))

    ours.update(windows())
    ours.update(windows(META))
    beliefs = ours.observe_windows(windows())

    assert beliefs.device == META and ours.device == META
    assert ours.return_scale.device == META
    assert {p.device for p in ours.average.parameters()} == {META}
    assert set(elsewhere) == {'meta'}


def test_a_learner_that_moves_keeps_what_it_has_learned():
    ours = learner()
    ours.update(windows())
    before = ours.state_dict()

    ours.to(torch.device('cpu'))

    after = ours.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    ours.update(windows())
    assert not torch.equal(before['model.gru.weight'], ours.state_dict()['model.gru.weight'])
