# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Gate records of every age, and of nobody's, as words for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.gate_figures import gate_figure, horizon_words, useful_horizons
from world_model_ros.releases import read_release
from world_model_ros.store import open_store
from world_model_ros.store.keys import record_key

FIXTURES = Path(__file__).parents[1] / 'fixtures'
INTERFACE = 'a' * 64

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        f'{of}{key}'
        for of in ('', 'acting_')
        for key in ('horizon_predicted_s', 'horizon_joints_s', 'better_joints_from_s')
    ]
)


def test_a_record_with_useful_horizons_is_read_and_said(tmp_path):
    store = open_store(tmp_path / 'store', create=True)
    store.put(record_key(INTERFACE, 1), (FIXTURES / 'release_horizon.json').read_bytes())
    gate = read_release(store, INTERFACE, 1).gate
    assert horizon_words(gate) == 'joints ≥ 5.0 s, picture 0 (0.16–1.6) s, reward 2.4 s'
    assert useful_horizons(gate, 'acting_')['joints'].seconds == 2.5
    assert gate['imagined'].startswith('used: ')


def test_a_record_from_before_has_none():
    for path in FIXTURES.glob('store_format*/releases/*/00000001.json'):
        gate = json.loads(path.read_text())['gate']
        assert gate and horizon_words(gate) == ''


@pytest.mark.parametrize('value', [True, None, 'x', [1], float('nan'), float('inf'), 10**400])
def test_what_is_no_finite_number_is_no_figure(value):
    assert gate_figure({'a': value}, 'a') is None and gate_figure(value, 'a') is None


@settings(max_examples=30)
@given(st.dictionaries(KEYS, JSON) | JSON)
def test_whatever_a_record_says_there_are_words(figures):
    assert isinstance(horizon_words(figures), str)
