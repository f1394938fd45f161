# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Damaged, foreign and hostile bundles: refused with everything that is wrong."""

import json
import os
import shutil

import numpy as np
import onnx
import pytest
from bundle_damage import edit_manifest, only, refresh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_bundle import BELIEF_DIM, PLANNER

from world_model_ros.bundle import (
    BundleError,
    check_bundle,
    load_bundle,
    write_manifest,
)
from world_model_ros.contract import load_contract, parse_contract


@pytest.mark.parametrize(
    'name',
    [
        'observe.onnx',
        'imagine.onnx',
        'policy.onnx',
        'plan.onnx',
        'decode.onnx',
        'weights.bin',
        'initial_belief.npy',
        'golden.npz',
    ],
)
@pytest.mark.parametrize(
    'damage, words',
    [
        ('flip', 'changed since'),
        ('truncate', 'changed since'),
        ('append', 'larger than'),
        ('remove', 'missing'),
        ('link', 'a link'),
        ('pipe', 'not a regular file'),
    ],
)
def test_damaged_file_is_refused_by_name(folder, name, damage, words):
    path = folder / name
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == 'flip':
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == 'truncate':
        path.write_bytes(content[:-1])
    elif damage == 'append':
        path.write_bytes(bytes(content) + b'x')
    elif damage == 'link':
        (folder.parent / 'elsewhere').write_bytes(content)
        path.symlink_to(folder.parent / 'elsewhere')
    elif damage == 'pipe':
        os.mkfifo(path)

    (problem,) = check_bundle(folder)

    assert problem.startswith(f'{name}: ') and words in problem
    with pytest.raises(BundleError, match=name.replace('.', r'\.')):
        load_bundle(folder)


def test_every_damaged_file_is_named_at_once(folder):
    (folder / 'plan.onnx').unlink()
    (folder / 'weights.bin').write_bytes(b'')

    assert len(check_bundle(folder)) == 2


def test_file_that_nobody_listed_is_refused(folder):
    (folder / 'extra.py').write_text('')

    only(check_bundle(folder), 'extra.py: not listed')


def test_other_interface_is_refused_with_what_differs(pristine):
    with pytest.raises(BundleError) as caught:
        load_bundle(pristine, load_contract('cartpole'))

    only(caught.value.problems, 'streams.joints.names: ["shoulder", "wrist"] -> ["cart"]')
    only(caught.value.problems, 'streams.camera.shape: [8, 8, 3] -> [64, 64, 3]')


def test_other_topics_and_limits_are_no_other_interface(pristine, contract):
    text = contract.text.replace('topic: command', 'topic: motors/torque')

    assert load_bundle(pristine, parse_contract(text), graphs=['policy'])


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'format': 3}, 'this software reads 1 and 2'),
        ({'format': True}, 'this software reads 1 and 2'),
        ({'name': None}, 'name is missing'),
        ({'belief_dim': '6'}, 'belief_dim'),
        ({'belief_dim': 0}, 'belief_dim'),
        ({'belief_dim': 7}, 'initial_belief.npy: expected'),
        ({'action_dim': 3}, 'action_dim'),
        ({'return_scale': 0}, 'return_scale'),
        ({'return_scale': float('nan')}, 'not a JSON number'),
        ({'golden': {}}, 'golden.tolerance'),
        ({'golden': {'tolerance': 10.0}}, 'at most 0.01'),
        ({'interface_hash': '0' * 64}, 'interface_hash is not that of'),
        ({'contract_hash': '0' * 64}, 'contract_hash is not that of'),
        ({'contract': 'format: 1'}, 'control is missing'),
        ({'interface': {}}, 'contract and interface differ in'),
        ({'planner': {**PLANNER, 'horizon': 0}}, 'planner.horizon'),
        ({'planner': {**PLANNER, 'horizon': 10**9}}, 'planner.horizon'),
        ({'planner': {**PLANNER, 'num_elites': 10}}, 'num_elites'),
        ({'planner': {**PLANNER, 'gamma': 1.5}}, 'gamma'),
        ({'planner': {**PLANNER, 'min_std': 2.0}}, 'min_std'),
        ({'planner': {**PLANNER, 'horizon': 4}}, 'golden.npz: plan/in/mean'),
        ({'surprises': 1}, 'no field of format 2'),
        ({'capabilities': ['observe']}, 'capability imagine is missing'),
        ({'capabilities': ['observe', 'imagine', 'fly']}, "capability 'fly' is not known here"),
        ({'capabilities': ['observe', 'imagine', 'imagine']}, 'lists one twice'),
        ({'capabilities': ['observe', 'imagine']}, 'is not part of this bundle'),
        ({'capabilities': ['observe', 'imagine', 'goal']}, 'capability goal needs sizes.goal'),
        ({'capabilities': None}, 'capabilities is missing'),
        ({'sizes': {'goal': 0}}, 'expected goal, query, answer, joints from 1'),
        ({'sizes': {'query': 3}}, 'size query belongs to none of the capabilities'),
        ({'sizes': {'goal': 3}}, 'golden.npz: plan/in/goal is missing'),
    ],
)
def test_faulty_manifest_is_refused(folder, changes, words):
    edit_manifest(folder, **changes)

    only(check_bundle(folder), words)


@pytest.mark.parametrize(
    'name',
    [
        '../plan.onnx',
        '/etc/hostname',
        'a/../../x',
        '..',
        'a\\b',
        'C:x',
        'manifest.json',
        '.',
    ],
)
def test_path_that_leaves_the_bundle_is_refused(folder, name):
    files = json.loads((folder / 'manifest.json').read_text())['files']
    edit_manifest(folder, files={**files, name: {'sha256': '0' * 64, 'bytes': 1}})

    (problem,) = check_bundle(folder)

    assert repr(name) in problem


def test_bundle_over_the_limit_is_refused_unread(folder):
    files = json.loads((folder / 'manifest.json').read_text())['files']
    files['weights.bin']['bytes'] = 64_000_001
    edit_manifest(folder, files=files)

    only(
        check_bundle(folder), 'at most 64000000; for larger bundles set WORLD_MODEL_MAX_BUNDLE_MB'
    )


@pytest.mark.parametrize('text', ['', '[]', '{', '{"format": 1, "format": 1}', '[' * 100_000])
def test_manifest_that_is_no_manifest_is_refused(folder, text):
    (folder / 'manifest.json').write_text(text)

    only(check_bundle(folder), 'manifest.json')


def test_path_that_is_no_directory_is_refused(tmp_path):
    only(check_bundle(tmp_path / 'absent'), 'not a directory')
    only(check_bundle(tmp_path), 'manifest.json: missing')


def test_graph_that_reads_a_file_outside_is_refused(folder):
    (folder.parent / 'secret.bin').write_bytes(b'\0' * 4096)
    model = onnx.load(folder / 'policy.onnx', load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == 'location':
                entry.value = '../secret.bin'
    (folder / 'policy.onnx').write_bytes(model.SerializeToString())
    refresh(folder, 'policy.onnx')

    only(check_bundle(folder), 'policy.onnx: ONNX Runtime refuses it')


def test_graph_that_is_no_graph_is_refused(folder):
    (folder / 'plan.onnx').write_bytes(b'\x08\x0anot a graph')
    refresh(folder, 'plan.onnx')

    only(check_bundle(folder), 'plan.onnx: not an ONNX file')


def test_graph_with_another_signature_is_refused_by_input(folder):
    shutil.copy(folder / 'imagine.onnx', folder / 'policy.onnx')
    refresh(folder, 'policy.onnx')

    problems = check_bundle(folder)

    only(problems, 'policy.onnx: output action_mean (float32[1, 2]) is missing')
    only(problems, 'policy.onnx: input action is not part of format 2')


def test_weights_that_miss_the_golden_vectors_are_refused(folder):
    weights = np.fromfile(folder / 'weights.bin', np.float32)
    weights[0] += 0.01
    weights.tofile(folder / 'weights.bin')
    refresh(folder, 'weights.bin')

    only(check_bundle(folder), 'imagine/belief_out: differs from its golden vector')


def test_weights_that_are_not_finite_are_refused(folder):
    weights = np.fromfile(folder / 'weights.bin', np.float32)
    weights[:] = np.nan
    weights.tofile(folder / 'weights.bin')
    refresh(folder, 'weights.bin')

    only(check_bundle(folder), 'differs from its golden vector by inf')


def test_golden_file_without_a_graph_is_refused(folder):
    golden = np.load(folder / 'golden.npz')
    np.savez(
        folder / 'golden.npz',
        **{key: golden[key] for key in golden.files if not key.startswith('plan/')},
    )
    refresh(folder, 'golden.npz')

    only(check_bundle(folder), 'no output of plan is stored')


def test_pickled_arrays_are_refused(folder):
    np.save(folder / 'initial_belief.npy', np.array([{}], dtype=object), allow_pickle=True)
    np.savez(folder / 'golden.npz', **{'plan/in/mean': np.array([{}], dtype=object)})
    refresh(folder, 'initial_belief.npy', 'golden.npz')

    problems = check_bundle(folder)

    only(problems, 'initial_belief.npy: unreadable')
    only(problems, 'golden.npz: unreadable')


def test_manifest_is_not_written_over_a_missing_file(folder, contract):
    (folder / 'imagine.onnx').unlink()
    before = (folder / 'manifest.json').read_bytes()

    with pytest.raises(BundleError, match='imagine'):
        write_manifest(
            folder,
            contract,
            name='x',
            belief_dim=BELIEF_DIM,
            planner=PLANNER,
            return_scale=1.0,
            provenance={},
        )

    assert (folder / 'manifest.json').read_bytes() == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = [
    'format',
    'name',
    'family',
    'interface_hash',
    'contract_hash',
    'interface',
    'contract',
    'files',
    'belief_dim',
    'action_dim',
    'planner',
    'return_scale',
    'provenance',
    'golden',
    'capabilities',
    'sizes',
]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(KEYS), JSON)
def test_any_value_in_a_manifest_is_accepted_or_explained(folder, key, value):
    original = (folder / 'manifest.json').read_bytes()
    manifest = json.loads(original)
    (folder / 'manifest.json').write_text(json.dumps({**manifest, key: value}))

    problems = check_bundle(folder)

    assert (
        problems
        or key in ('name', 'family', 'provenance', 'return_scale')
        or value == manifest[key]
    )
    (folder / 'manifest.json').write_bytes(original)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(['golden.npz', 'initial_belief.npy', 'plan.onnx', 'policy.onnx']),
    st.integers(0, 10**6),
    st.integers(1, 255),
    st.integers(0, 50),
)
def test_any_damage_that_the_manifest_approves_is_still_no_crash(folder, name, at, flip, cut):
    originals = {n: (folder / n).read_bytes() for n in (name, 'manifest.json')}
    content = bytearray(originals[name])
    content[at % len(content)] ^= flip
    (folder / name).write_bytes(content[: len(content) - cut])
    refresh(folder, name)

    assert isinstance(check_bundle(folder), list)
    for original, content in originals.items():
        (folder / original).write_bytes(content)
