# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a batch is mixed from."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('mujoco')
import recorded

from world_model_ros.training.data.mixture import Shares, counts
from world_model_ros.training.data.replay import Replay


@pytest.mark.parametrize(
    ('nominal', 'robot', 'want'),
    [(True, True, (2, 6, 16)), (False, True, (0, 6, 18)), (True, False, (24, 0, 0))],
)
def test_a_missing_source_gives_its_share_to_the_others(nominal, robot, want):
    assert counts(24, Shares(), nominal, robot) == want


def test_newest_windows_lie_among_the_newest_ticks_also_after_the_ring_wrapped(tmp_path):
    contract = recorded.robot()
    replay = Replay(tmp_path, contract, 1, 100)
    for start in range(0, 240, 60):
        rows = {
            'obs_camera': np.zeros((60, 32, 32, 3), np.uint8),
            'obs_joints': np.zeros((60, 1), np.float32),
            'ages': np.zeros((60, 2), np.float32),
            'action_sent': np.zeros((60, 1), np.float32),
            'reward': np.arange(start, start + 60, dtype=np.float32),
            'is_first': np.arange(60) == 0,
            'terminal': np.zeros(60, bool),
        }
        replay.extend(rows, note='')
    rng = np.random.default_rng(0)
    everything = replay.sample(rng, 256, 8)['reward']
    newest = replay.sample(rng, 256, 8, newest=20)['reward']
    assert everything.min() == 140 and newest.min() == 220 and newest.max() == 239
    assert (np.diff(everything, axis=1) == 1).all()
