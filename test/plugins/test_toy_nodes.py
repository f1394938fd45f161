# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bodies that are not ours through the real nodes: the same episodes as in Env."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('gymnasium')

import point_mass
import robot_processes
import toy_package
from test_lockstep import in_env, through_nodes

from world_model_ros.contract import load_contract

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
EPISODES, TICKS, SEED = 2, 30, 5


@pytest.mark.parametrize(
    ('text', 'longest'),
    [
        (toy_package.CONTRACT, 'max_ticks: 40'),
        (point_mass.CONTRACT, 'max_ticks: 100'),  # its pictures are cropped from 40 x 60
    ],
    ids=['plug-in', 'gymnasium'],
)
def test_lockstep_episodes_of_a_foreign_body_equal_those_of_env(
    toy, tmp_path, domain, text, longest
):
    path = tmp_path / 'robot.yaml'
    assert longest in text
    path.write_text(text.replace(longest, f'max_ticks: {TICKS}'))
    contract = load_contract(path)
    bundle = robot_processes.tiny_bundle(tmp_path, contract)
    heard = through_nodes(tmp_path, domain, path, bundle, SEED, EPISODES, 90.0)
    for ticks, rows in zip(heard, in_env(contract, bundle, SEED, EPISODES), strict=True):
        assert len(ticks) == len(rows)
        for tick, (asked, sent, reward, crc) in zip(ticks, rows, strict=True):
            np.testing.assert_array_equal(tick.asked, asked.astype(float))
            np.testing.assert_array_equal(tick.sent, sent.astype(float))
            assert (tick.reward, tick.obs_crc, tick.valid) == (reward, crc, True)
        # The mass of the second one leaves its line, which ends the episode for good.
        assert ticks[-1].last and ticks[-1].terminal == (len(rows) <= TICKS)
        assert ticks[-1].truncated != ticks[-1].terminal
        assert any(tick.sent.any() for tick in ticks), 'a robot at rest would prove little'
