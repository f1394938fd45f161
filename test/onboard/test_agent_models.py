# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent's parameters make of a bundle's directory."""

from pathlib import Path

import pytest

pytest.importorskip('onnxruntime')

from world_model_ros.bundle import providers
from world_model_ros.bundle.providers import ProviderError
from world_model_ros.contract import load_contract
from world_model_ros.deploy.node_parameters import AGENT
from world_model_ros.onboard.agent.models import Models, ModelSettings

FIXTURES = Path(__file__).parents[1] / 'fixtures'


def models(say=lambda _: None, **changed):
    names = ModelSettings.__dataclass_fields__
    values = {name: AGENT[name].default for name in names} | changed
    contract = load_contract(FIXTURES / 'contract_format1.yaml')
    return Models(contract, ModelSettings(**values), say)


@pytest.mark.parametrize('version', [1, 2])
def test_a_loaded_bundle_says_what_it_runs_on(version, monkeypatch):
    monkeypatch.setattr(providers, '_unusable', lambda *_: 'no NVIDIA driver')
    said = []
    model = models(said.append).load(str(FIXTURES / f'bundle_format{version}'), 3)
    assert model.provider == 'cpu (no cuda: no NVIDIA driver)'
    assert said == ['bundle tiny_two_arm-cell runs on cpu (no cuda: no NVIDIA driver)']


def test_a_provider_that_is_not_there_loads_nothing(monkeypatch):
    monkeypatch.setattr(providers, '_unusable', lambda *_: 'no NVIDIA driver')
    with pytest.raises(ProviderError, match='no NVIDIA driver'):
        models(provider='cuda').load(str(FIXTURES / 'bundle_format2'), 0)
    allowed = models(provider='cuda', allow_cpu_fallback=True)
    assert allowed.load(str(FIXTURES / 'bundle_format2'), 0).provider.startswith('cpu (')
