# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What a bundle can do decides what a robot does with it; a format 1 bundle acts as it did."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from bundle_damage import edit_manifest, only, refresh
from tiny_bundle import GOAL_DIM, USUAL, make_tiny_bundle

from world_model_ros.bundle import CAPABILITIES, BundleError, check_bundle, load_bundle
from world_model_ros.bundle.format_names import max_bundle_bytes
from world_model_ros.contract import load_contract
from world_model_ros.fleet.examine import examine
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.tick.observation import Observation

FIXTURES = Path(__file__).parents[1] / 'fixtures'
ALL_SIZES = {'goal': GOAL_DIM, 'query': 3, 'answer': 3, 'joints': 4}


def without(*names):
    return tuple(name for name in USUAL if name not in names)


def observed(contract, rng):
    arrays = {
        stream.name: rng.integers(0, 256, stream.shape).astype(stream.dtype)
        for stream in contract.streams
    }
    return Observation(0, arrays, np.zeros(len(contract.streams), np.float32), {}, True)


def decisions(folder, contract, ticks=8, **options):
    """What a brain decides on made-up observations."""
    brain, rng = (
        Brain(contract, load_bundle(folder, contract), **options),
        np.random.default_rng(0),
    )
    brain.reset(7)
    sent = np.zeros(contract.action_dim, np.float32)
    pending = np.zeros((contract.offset_ticks, contract.action_dim), np.float32)
    found = []
    for tick in range(ticks):
        found.append(brain.step(observed(contract, rng), sent, pending, tick == 0, tick, math.inf))
        sent = found[-1].chunk[0]
    return found


def test_stored_bundle_of_format_2_still_loads():
    folder = FIXTURES / 'bundle_format2'
    contract = load_contract(FIXTURES / 'contract_format1.yaml')

    assert json.loads((folder / 'manifest.json').read_text())['format'] == 2
    assert check_bundle(folder, contract) == []
    assert set(load_bundle(folder, contract).capabilities) == set(USUAL)


def test_one_model_as_format_1_and_format_2_decides_the_same(tmp_path):
    contract = load_contract(FIXTURES / 'contract_format1.yaml')
    twin = Path(shutil.copytree(FIXTURES / 'bundle_format2', tmp_path / 'twin'))
    shutil.copy(FIXTURES / 'bundle_format1' / 'plan.onnx', twin)  # all else is the same already
    refresh(twin, 'plan.onnx')

    old = decisions(FIXTURES / 'bundle_format1', contract)
    new = decisions(twin, contract)

    for one, other in zip(old, new, strict=True):
        np.testing.assert_array_equal(one.chunk, other.chunk)
        np.testing.assert_array_equal(one.belief, other.belief)
        assert (one.source, one.iterations) == (other.source, other.iterations)
        assert (one.surprise, one.reward, one.value) == (other.surprise, other.reward, other.value)
        assert math.isfinite(one.reward) and math.isfinite(one.value) and not one.failure


def test_a_format_1_bundle_judges_no_belief_but_the_last():
    able = load_bundle(FIXTURES / 'bundle_format1').capabilities

    with pytest.raises(BundleError, match='format 1 gives'):
        able['value'].run(('value',), {'belief': np.zeros((1, 6), np.float32)})


def test_a_bundle_with_every_capability_is_whole(tmp_path, contract):
    folder = make_tiny_bundle(tmp_path / 'b', contract, capabilities=CAPABILITIES, sizes=ALL_SIZES)

    assert check_bundle(folder) == []
    bundle = load_bundle(folder)
    assert list(bundle.capabilities) == list(CAPABILITIES)
    assert bundle.golden['plan/out/joints'].shape[1:] == (3, 4)


@pytest.mark.parametrize('lacking', [('value',), ('outcomes',), ('decode', 'value', 'outcomes')])
def test_a_bundle_that_predicts_less_acts_and_reports_less(tmp_path, contract, lacking):
    folder = make_tiny_bundle(tmp_path / 'b', contract, capabilities=without(*lacking))

    last = decisions(folder, contract)[-1]

    assert math.isnan(last.value) == ('value' in lacking)
    assert math.isnan(last.reward) == ('outcomes' in lacking)
    assert last.source in ('plan', 'policy') and last.iterations and not last.failure
    assert examine(folder, contract, threads=1, runs=3).ok


def test_a_bundle_without_a_plan_acts_by_its_policy(tmp_path, contract):
    folder = make_tiny_bundle(tmp_path / 'b', contract, capabilities=without('plan'))

    found = decisions(folder, contract)

    assert {decision.source for decision in found} == {'policy'}
    assert examine(folder, contract, threads=1, runs=3).ok


def test_a_bundle_without_a_policy_acts_by_its_plan(tmp_path, contract):
    folder = make_tiny_bundle(tmp_path / 'b', contract, capabilities=without('policy'))

    found = decisions(folder, contract)

    assert all(decision.source in ('plan', 'policy') and decision.iterations for decision in found)
    assert examine(folder, contract, threads=1, runs=3).ok


def test_without_policy_and_without_time_the_plan_before_goes_on(tmp_path, contract):
    folder = make_tiny_bundle(tmp_path / 'b', contract, capabilities=without('policy'))
    brain, rng = Brain(contract, load_bundle(folder, contract)), np.random.default_rng(0)
    sent = np.zeros(contract.action_dim, np.float32)
    pending = np.zeros((1, contract.action_dim), np.float32)
    cold = brain.step(observed(contract, rng), sent, pending, True, 0, -math.inf)
    before = brain.step(observed(contract, rng), sent, pending, False, 1, math.inf)
    late = brain.step(observed(contract, rng), sent, pending, False, 2, -math.inf)

    np.testing.assert_array_equal(cold.chunk, np.zeros_like(cold.chunk))
    assert (late.source, late.iterations) == ('plan', 0)
    np.testing.assert_array_equal(late.chunk[:-1], before.chunk[1:])
    np.testing.assert_array_equal(late.chunk[-1], before.chunk[-1])


def test_a_bundle_that_cannot_act_is_refused_with_the_reason(tmp_path, contract):
    folder = make_tiny_bundle(tmp_path / 'b', contract, capabilities=without('plan', 'policy'))

    assert check_bundle(folder) == []
    with pytest.raises(BundleError, match='neither policy nor plan'):
        decisions(folder, contract)
    verdict = examine(folder, contract, threads=1)
    assert 'neither policy nor plan' in verdict.reason and verdict.final


def test_a_bundle_without_a_policy_is_refused_where_planning_is_off(tmp_path, contract):
    folder = make_tiny_bundle(tmp_path / 'b', contract, capabilities=without('policy'))

    with pytest.raises(BundleError, match='no policy, and planning is off'):
        decisions(folder, contract, plan=False)


def test_a_plan_that_needs_a_goal_is_refused_and_its_policy_acts(tmp_path, contract):
    folder = make_tiny_bundle(tmp_path / 'b', contract, capabilities=CAPABILITIES, sizes=ALL_SIZES)

    with pytest.raises(BundleError, match='its plan needs a goal'):
        decisions(folder, contract)
    assert decisions(folder, contract, plan=False)[-1].source == 'policy'


def test_the_size_limit_is_a_setting(pristine, monkeypatch):
    assert max_bundle_bytes() == 64_000_000
    monkeypatch.setenv('WORLD_MODEL_MAX_BUNDLE_MB', '0.001')
    (problem,) = check_bundle(pristine)
    assert 'at most 1000; for larger bundles set WORLD_MODEL_MAX_BUNDLE_MB' in problem
    monkeypatch.setenv('WORLD_MODEL_MAX_BUNDLE_MB', 'large')
    (problem,) = check_bundle(pristine)
    assert "WORLD_MODEL_MAX_BUNDLE_MB is 'large'; expected megabytes" in problem


def test_a_bundle_may_say_which_surprise_is_out_of_the_ordinary(tmp_path):
    contract = load_contract(FIXTURES / 'contract_format1.yaml')
    folder = Path(shutil.copytree(FIXTURES / 'bundle_format2', tmp_path / 'b'))
    assert 'surprise' not in load_bundle(folder, contract).manifest
    edit_manifest(folder, surprise={'ticks': 5, 'limit': 3.25})
    assert check_bundle(folder, contract) == []
    assert load_bundle(folder, contract).manifest['surprise'] == {'ticks': 5, 'limit': 3.25}


@pytest.mark.parametrize(
    'surprise',
    [
        {},
        {'ticks': 5},
        {'ticks': 0, 'limit': 1.0},
        {'ticks': 5.0, 'limit': 1.0},
        {'ticks': 5, 'limit': 0.0},
        {'ticks': 5, 'limit': '3'},
        {'ticks': 5, 'limit': 1.0, 'more': 1},
        7,
    ],
)
def test_a_surprise_that_means_nothing_is_refused(tmp_path, surprise):
    folder = Path(shutil.copytree(FIXTURES / 'bundle_format2', tmp_path / 'b'))
    edit_manifest(folder, surprise=surprise)
    only(check_bundle(folder), 'surprise')


def test_format_1_has_no_surprise(tmp_path):
    folder = Path(shutil.copytree(FIXTURES / 'bundle_format1', tmp_path / 'b'))
    edit_manifest(folder, surprise={'ticks': 5, 'limit': 3.25})
    only(check_bundle(folder), "'surprise' is no field of format 1")
