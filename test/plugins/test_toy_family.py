# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A family of another package: found by its entry point, it learns what it should of a line."""

from __future__ import annotations

import conformance
import numpy as np
import pytest
import torch
import toy_package

from world_model_ros.contract import load_contract, parse_contract
from world_model_ros.families.family_registry import FAMILIES, find_family
from world_model_ros.training.core.run import Run, RunConfig
from world_model_ros.training.judge.open_loop import believe, open_loop_figures

pytestmark = pytest.mark.usefixtures('toy')


@pytest.mark.parametrize('check', conformance.CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_to_the_protocols(check):
    check(find_family('toy'), parse_contract(toy_package.CONTRACT))


def test_it_is_found_by_its_name_and_takes_no_pictures():
    assert FAMILIES.names() == ['dreamer', 'toy']
    with pytest.raises(ValueError, match='streams of numbers alone'):
        find_family('toy').build(load_contract('reacher'))


def test_it_predicts_a_linear_system_until_its_dynamics_are_shuffled(tmp_path):
    contract = parse_contract(toy_package.CONTRACT)
    config = RunConfig(
        frames=1_200, lanes=2, prefill=200, decisions_per_update=10.0, threads=1,
        episode_ticks=40, evaluate_every=10**9,
    )  # fmt: skip
    run = Run(contract, tmp_path / 'run', config, family='toy')
    run.go()
    again = Run(contract, tmp_path / 'run', config)  # the folder remembers its family
    assert again.family.name == 'toy' and again.learner.updates == run.learner.updates == 40

    rows = {key: array[0, : run.replay.held].copy() for key, array in run.replay.arrays.items()}
    model = again.learner.average

    def errors():
        pieces = believe(model, [rows])
        return open_loop_figures(model, contract, pieces, 0.1)

    figures = errors()
    for horizon in (1, 5, 15):
        assert figures[f'joints_{horizon}'] < 0.2 * figures[f'last_joints_{horizon}']
    with torch.no_grad():
        weight = model.step.weight[:-1]  # of what moves; the last row is the reward
        weight.copy_(torch.from_numpy(np.roll(weight.numpy(), 1, axis=0)))
    figures = errors()
    for horizon in (1, 5, 15):
        assert figures[f'joints_{horizon}'] > figures[f'last_joints_{horizon}']
