# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Whole bundles: what they hold, how they run, and what a robot may ask of them."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tiny_bundle import BELIEF_DIM, PLANNER

from world_model_ros.bundle import (
    BundleError,
    check_bundle,
    load_bundle,
    run_golden,
    write_golden,
    write_manifest,
)
from world_model_ros.bundle.providers import ProviderError, ProviderSettings
from world_model_ros.contract import load_contract

FIXTURES = Path(__file__).parents[1] / 'fixtures'


def test_whole_bundle_has_no_problems_and_meets_its_golden_vectors(pristine, contract):
    assert check_bundle(pristine) == []

    bundle = load_bundle(pristine, contract)
    errors = run_golden(bundle)

    assert max(errors.values()) < 1e-6
    assert {name.split('/')[0] for name in errors} == set(bundle.sessions)
    assert len(errors) == 2 + 1 + 2 + 1 + 2 + 8 + 2


def test_loaded_bundle_says_what_it_is(pristine, contract):
    bundle = load_bundle(pristine)

    assert (bundle.name, bundle.belief_dim, bundle.action_dim) == ('tiny_reacher', BELIEF_DIM, 2)
    assert bundle.planner == PLANNER
    assert bundle.return_scale == 10.0
    assert bundle.contract == contract
    assert bundle.initial_belief.shape == (1, BELIEF_DIM)
    manifest = (pristine / 'manifest.json').read_bytes()
    assert bundle.digest == hashlib.sha256(manifest).hexdigest()


def test_graph_runs_by_name(pristine):
    bundle = load_bundle(pristine, graphs=['policy'])

    found = bundle.run('policy', {'belief': bundle.initial_belief})

    np.testing.assert_array_equal(found['action_mean'], np.zeros((1, 2), np.float32))
    assert list(bundle.sessions) == ['policy']


def test_stored_bundle_of_format_1_still_loads():
    folder = FIXTURES / 'bundle_format1'

    assert check_bundle(folder) == []
    assert load_bundle(folder, load_contract(FIXTURES / 'contract_format1.yaml')).name


def test_bundle_without_pictures_is_whole(folder, contract):
    (folder / 'decode.onnx').unlink()
    golden = np.load(folder / 'golden.npz')
    cases = {}
    for graph in ('observe', 'imagine', 'policy', 'value', 'outcomes', 'plan'):
        cases[graph] = tuple(
            {
                key.split('/')[2]: golden[key]
                for key in golden.files
                if key.startswith(f'{graph}/{side}/')
            }
            for side in ('in', 'out')
        )
    write_golden(folder, cases)
    write_manifest(
        folder,
        contract,
        name='blind',
        belief_dim=BELIEF_DIM,
        planner=PLANNER,
        return_scale=1.0,
        provenance={},
    )

    assert check_bundle(folder) == []
    with pytest.raises(BundleError, match='decode'):
        load_bundle(folder, graphs=['decode'])


def test_threads_are_one_unless_asked(pristine):
    one = load_bundle(pristine, graphs=['policy']).sessions['policy'].get_session_options()
    two = load_bundle(pristine, threads=2, graphs=['policy']).sessions['policy']

    assert one.intra_op_num_threads == one.inter_op_num_threads == 1
    assert one.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert two.get_session_options().intra_op_num_threads == 2


@pytest.mark.skipif(
    'CUDAExecutionProvider' in onnxruntime.get_available_providers(),
    reason='this machine has the GPU flavour',
)
def test_falling_from_gpu_to_cpu_is_an_error_unless_allowed(pristine):
    with pytest.raises(ProviderError, match='provider cuda was asked for') as caught:
        load_bundle(pristine, provider=ProviderSettings('cuda'))
    bundle = load_bundle(pristine, provider=ProviderSettings('cuda', allow_cpu_fallback=True))

    assert len(caught.value.problems) == 1
    assert bundle.sessions['plan'].get_providers() == ['CPUExecutionProvider']
    assert str(bundle.provider) == 'cpu' and 'no cuda' in bundle.provider.instead


def test_missing_runtime_names_the_extra_to_install(pristine, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)

    with pytest.raises(BundleError, match=r'world_model_ros\[cpu\]'):
        load_bundle(pristine)


def test_file_swapped_after_loading_changes_nothing(folder):
    bundle = load_bundle(folder)
    before = run_golden(bundle)
    (folder / 'weights.bin').write_bytes(b'\xff' * 64)

    assert run_golden(bundle) == before
