# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench inside`: ranks, kept returns, and a whole run on the counter with tiny bundles."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
stats = pytest.importorskip('scipy.stats')

from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_bundle import make_tiny_bundle

from world_model_ros.bench.inside import measure
from world_model_ros.bench.inside_policies import (
    NOISES,
    SHARES,
    InsideError,
    Policy,
    collect,
    damaged,
    policies_in,
)
from world_model_ros.bench.outside_returns import OUTSIDE_FILE, Outside, key_of
from world_model_ros.bench.rank_correlation import ranking, spearman
from world_model_ros.bundle import load_bundle
from world_model_ros.contract import interface_hash, load_contract, parse_contract
from world_model_ros.evaluation.bundle_actor import shaken
from world_model_ros.releases import publish_release
from world_model_ros.robots import NOMINAL, Reality
from world_model_ros.store import open_store

PAIRS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=30)


@settings(max_examples=20)
@given(PAIRS)
def test_the_rank_correlation_is_that_of_scipy(pairs):
    a, b = np.array(pairs, float).T
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert spearman(a, b) == 0.0
    else:
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)


def test_close_policies_are_judged_apart():
    outside = [100, 95, 90, 80, 75, 20, 5]
    inside = [7, 8, 9, 10, 11, 2, 1]  # the close ones upside down
    rows = [{'outside': o, 'inside': i} for o, i in zip(outside, inside, strict=True)]
    rows[0]['release'] = rows[6]['release'] = True
    found = ranking(rows)
    assert found['close_releases'] == 1
    assert found['policies'] == 7 and found['close_policies'] == 5
    assert found['spearman_close'] == pytest.approx(-1.0)
    assert 0.0 < found['spearman'] < 1.0
    low, high = found['spearman_interval']
    assert -1.0 <= low <= found['spearman'] <= high <= 1.0
    assert found['goals'] == {'all_0.9': False, 'close_0.7': False}


@pytest.fixture(scope='module')
def contract():
    text = load_contract('counter').text
    assert '1000000.0' in text and 'max_ticks: 500' in text
    return parse_contract(
        text.replace('1000000.0', '1.0').replace('max_ticks: 500', 'max_ticks: 12')
    )


@pytest.fixture(scope='module')
def folder(tmp_path_factory, contract):
    folder = tmp_path_factory.mktemp('policies')
    for seed in range(3):
        make_tiny_bundle(folder / f'seed_{seed}', contract, seed=seed)
    return folder


def run(contract, folder, **more):
    said: list[str] = []
    figures: dict = {}
    world = load_bundle(folder / 'seed_0', contract, without=('plan', 'policy'))
    measure(contract, world, folder, 2, 8, figures, said.append, **more)
    return figures, said


def test_a_folder_of_bundles_is_ranked_and_outside_is_measured_once(contract, folder):
    figures, said = run(contract, folder)
    assert figures['policies'] == 3 + len(SHARES) + 3 * len(NOISES) == len(figures['rows'])
    assert sum(text.startswith('outside') for text in said) == figures['policies']
    assert all(np.isfinite([row['inside'], row['outside']]).all() for row in figures['rows'])
    again, said = run(contract, folder)
    assert not any(text.startswith('outside') for text in said) and again == figures
    json.dumps(figures)


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ('{"format": 2, "returns": {}}', 'format 2, expected 1; delete it'),
        ('{', 'delete it to measure again'),
        ('{"format": 1, "returns": {"a": 3}}', 'delete it to measure again'),
    ],
)
def test_a_damaged_file_of_returns_is_refused(tmp_path, content, words):
    (tmp_path / OUTSIDE_FILE).write_text(content)
    with pytest.raises(InsideError, match=words):
        Outside(tmp_path / OUTSIDE_FILE)


def test_a_folder_without_policies_is_refused(tmp_path, contract, folder):
    world = load_bundle(folder / 'seed_0', contract)
    with pytest.raises(InsideError, match='no bundle with a policy of counter below it'):
        measure(contract, world, tmp_path, 2, 8, {}, print)


def test_a_world_that_cannot_draw_cannot_judge(tmp_path, contract, folder):
    blind = make_tiny_bundle(tmp_path / 'blind', contract, capabilities=('observe', 'imagine'))
    with pytest.raises(InsideError, match='no pictures and no joints'):
        measure(contract, load_bundle(blind, contract), folder, 2, 8, {}, lambda _: None)


def test_noise_on_the_policy_changes_what_it_does_and_nothing_else_and_is_the_same_twice(folder):
    bundle = load_bundle(folder / 'seed_0')
    belief = np.ones((1, bundle.belief_dim), np.float32)

    def mean(of):
        return of.sessions['policy'].run(None, {'belief': belief})[0]

    weak, strong = shaken(bundle, 0.2), shaken(bundle, 0.8)
    assert (mean(weak) != mean(bundle)).any() and (mean(strong) != mean(weak)).any()
    np.testing.assert_array_equal(mean(shaken(bundle, 0.2)), mean(weak))
    assert weak.sessions['observe'] is bundle.sessions['observe'] and weak.digest == bundle.digest


def test_what_its_returns_are_kept_under_names_bundle_damage_and_reality(folder):
    bundle = load_bundle(folder / 'seed_0')
    whole = Policy('a', bundle)
    assert key_of(whole, NOMINAL) == f'{bundle.digest}+0'  # as the first version wrote it
    others = [
        key_of(Policy('b', bundle, random=0.25), NOMINAL),
        key_of(Policy('c', bundle, noise=0.2), NOMINAL),
        key_of(whole, Reality(name='weak', motor_strength=0.5)),
        key_of(whole, Reality(name='weaker', motor_strength=0.4)),
    ]
    assert len({key_of(whole, NOMINAL), *others}) == 5
    assert key_of(whole, Reality(name='other word for it')) == key_of(whole, NOMINAL)


def test_few_bundles_give_enough_policies_and_many_are_not_all_damaged(contract, folder):
    policies = policies_in(folder, contract)
    assert len(damaged(policies)) == len(SHARES) + 3 * len(NOISES)
    assert {policy.name.split()[0] for policy in damaged(policies * 6)} == {policies[0].name}
    assert all(not policy.release for policy in damaged(policies))


def test_releases_of_a_store_are_collected_evenly_and_once(tmp_path, contract):
    store = open_store(tmp_path / 'store', create=True)
    for seed in range(5):
        bundle = make_tiny_bundle(tmp_path / f'bundle_{seed}', contract, seed=seed)
        publish_release(store, bundle, interface_hash(contract))
    said: list[str] = []
    target = tmp_path / 'policies'
    collect(store.url, contract, target, 3, said.append)
    collect(store.url, contract, target, 3, said.append)
    assert said == [f'fetching release {number}' for number in (1, 3, 5)]
    policies = policies_in(target, contract, {'again': tmp_path / 'bundle_4'})
    assert [(p.name, p.release) for p in policies] == [
        ('again', False),  # the same bundle as release 5
        ('release_00000001', True),
        ('release_00000003', True),
    ]
    with pytest.raises(InsideError, match='no release of counter in this store'):
        empty = open_store(tmp_path / 'empty', create=True)
        collect(empty.url, contract, target, 3, said.append)
    with pytest.raises(InsideError):
        collect(str(tmp_path / 'nowhere'), contract, target, 3, said.append)
