# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench circle` without the half hour: its arms' figures, and the curve it writes."""

import csv

import pytest

pytest.importorskip('mujoco')
pytest.importorskip('onnxruntime')

from world_model_ros.cli._circle_curve import FIELDS, lived_rows, write_curve
from world_model_ros.cli.bench_circle import _Arms, _stock_arm

LIVED = [
    {'time': 1000.0, 'return': 20.0, 'release': 0, 'eval': False},
    {'time': 1030.0, 'return': 300.0, 'release': 1, 'eval': True},
]


def test_arms_say_what_was_regained_and_forgotten_and_keep_every_return():
    arms = _Arms('', 2, 1)
    arms.returns = {
        'frozen_nominal': [800.0, 820.0],
        'frozen': [100.0, 120.0],
        'adapted': [600.0, 580.0],
        'adapted_nominal': [780.0, 760.0],
        'randomised': [500.0, 520.0],
        'oracle': [700.0, 720.0],
    }
    figures = arms.figures()
    assert figures['regained'] == pytest.approx((590 - 110) / (710 - 110), abs=1e-3)
    assert figures['forgotten'] == 40.0 and figures['adapted_minus_randomised'] == 80.0
    assert figures['arm_returns']['adapted'] == [600.0, 580.0]
    del arms.returns['oracle']
    assert 'regained' not in arms.figures()


def test_curve_has_a_row_per_lived_episode_and_a_picture_beside_it(tmp_path):
    path = tmp_path / 'new' / 'curve.csv'
    write_curve(path, lived_rows(LIVED, seed=3), {'frozen': 20.0, 'oracle': 700.0})
    with path.open() as file:
        head, *rows = list(csv.reader(file))
    assert tuple(head) == FIELDS
    assert rows == [['3', '0.0', '20.0', '0', 'False'], ['3', '0.5', '300.0', '1', 'True']]
    assert path.with_suffix('.png').read_bytes().startswith(b'\x89PNG')
    write_curve(tmp_path / 'none.csv', lived_rows([], 0), {})
    assert not (tmp_path / 'none.png').exists()


def test_arm_without_a_bundle_in_the_checkout_is_none():
    assert _stock_arm('counter', 'oracle') is None
