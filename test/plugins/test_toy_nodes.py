# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bodies that are not ours through the real nodes: the same episodes as in Env."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('gymnasium')

import point_mass
import robot_processes
import toy_package
from test_lockstep import assert_same, in_env, through_nodes

from world_model_ros.contract import load_contract

pytestmark = pytest.mark.ros
EPISODES, TICKS, SEED = 2, 30, 5


@pytest.mark.parametrize(
    ('text', 'longest', 'domain'),
    [
        (toy_package.CONTRACT, 'max_ticks: 40', 108),
        (point_mass.CONTRACT, 'max_ticks: 100', 109),  # its pictures are cropped from 40 x 60
    ],
    ids=['plug-in', 'gymnasium'],
)
def test_lockstep_episodes_of_a_foreign_body_equal_those_of_env(
    toy, tmp_path, text, longest, domain
):
    path = tmp_path / 'robot.yaml'
    assert longest in text
    path.write_text(text.replace(longest, f'max_ticks: {TICKS}'))
    contract = load_contract(path)
    bundle = robot_processes.tiny_bundle(tmp_path, contract)
    heard = through_nodes(tmp_path, domain, path, bundle, SEED, EPISODES, 90.0)
    for ticks, rows in zip(heard, in_env(contract, bundle, SEED, EPISODES), strict=True):
        assert_same(ticks, rows, TICKS)
