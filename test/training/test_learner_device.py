# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A learner learns wherever its model is: on tensors that know their device and hold nothing.

torch's device `meta` needs no GPU, computes nothing, and raises where it meets another device.
"""

import contextlib

import pytest

torch = pytest.importorskip('torch')

from world_model_ros.contract import load_contract
from world_model_ros.families.dreamer.algorithm import Learner, LearnerConfig
from world_model_ros.families.dreamer.net import Dreamer

META = torch.device('meta')
WINDOWS, TICKS = 2, 6


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


def windows(contract, device):
    rows = {
        f'obs_{s.name}': torch.zeros(
            (WINDOWS, TICKS, *s.shape), dtype=torch.uint8 if len(s.shape) == 3 else torch.float32
        )
        for s in contract.streams
    }
    rows |= {
        'ages': torch.zeros(WINDOWS, TICKS, len(contract.streams)),
        'action_sent': torch.zeros(WINDOWS, TICKS, contract.action_dim),
        'reward': torch.zeros(WINDOWS, TICKS),
        'is_first': torch.zeros(WINDOWS, TICKS, dtype=torch.bool),
        'terminal': torch.zeros(WINDOWS, TICKS, dtype=torch.bool),
    }
    return {name: value.to(device) for name, value in rows.items()}


@pytest.mark.parametrize('anchored', [False, True])
def test_updates_meet_no_tensor_of_another_device(elsewhere, anchored):
    contract = load_contract('reacher')
    with META:
        learner = Learner(Dreamer(contract), LearnerConfig(bf16=False))
        if anchored:
            learner.anchor(Dreamer(contract))

    learner.update(windows(contract, 'cpu'))
    learner.update(windows(contract, META))
    beliefs = learner.observe_windows(windows(contract, 'cpu'))

    assert beliefs.device == META and learner.device == META
    assert learner.return_scale.device == META
    assert {p.device for p in learner.average.parameters()} == {META}
    assert set(elsewhere) == {'meta'}


def test_a_learner_that_moves_keeps_what_it_has_learned():
    contract = load_contract('reacher')
    learner = Learner(Dreamer(contract), LearnerConfig(bf16=False))
    learner.update(windows(contract, 'cpu'))
    before = learner.state_dict()

    learner.to(torch.device('cpu'))

    after = learner.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    learner.update(windows(contract, 'cpu'))
    assert not torch.equal(before['model.gru.weight'], learner.state_dict()['model.gru.weight'])
