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

from world_model_ros.bench.inside import (
    DAMAGES,
    OUTSIDE_FILE,
    InsideError,
    Outside,
    measure,
    ranking,
    spearman,
)
from world_model_ros.bundle import load_bundle
from world_model_ros.contract import load_contract, parse_contract

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
    found = ranking(rows)
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
    assert figures['policies'] == 3 + len(DAMAGES) == len(figures['rows'])
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
