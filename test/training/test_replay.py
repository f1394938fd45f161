# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Replay keeps order, survives a restart and never mixes newest with oldest."""

import numpy as np
import pytest

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.training.data.replay import Replay

LANES, CAPACITY = 2, 16


@pytest.fixture()
def contract():
    return load_contract(find_robot('cartpole'))


def fill(replay: Replay, contract, count: int, start: int = 0) -> None:
    for k in range(start, start + count):
        tick = {
            'obs_camera': np.full(contract.stream('camera').shape, k % 256, np.uint8),
            'obs_joints': np.float32([k]),
            'ages': np.zeros(2, np.float32),
            'action_sent': np.float32([k]),
            'reward': np.float32(k),
            'is_first': np.bool_(k % 5 == 0),
            'terminal': np.bool_(False),
        }
        replay.add([tick] * LANES)


def test_windows_are_consecutive_also_after_the_ring_wrapped(tmp_path, contract):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    fill(replay, contract, 3 * CAPACITY + 5)
    rows = replay.sample(np.random.default_rng(0), 64, 8)
    assert (np.diff(rows['reward'], axis=1) == 1).all()
    assert rows['reward'].min() >= 2 * CAPACITY + 5  # only what is still held


def test_every_window_begins_as_first_without_touching_what_is_stored(tmp_path, contract):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    fill(replay, contract, CAPACITY)
    rows = replay.sample(np.random.default_rng(0), 8, 4)
    assert rows['is_first'][:, 0].all()
    assert replay.arrays['is_first'][0].sum() == 4  # ticks 0, 5, 10, 15


def test_saved_replay_goes_on_after_a_restart(tmp_path, contract):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    fill(replay, contract, 6)
    replay.save()
    again = Replay(tmp_path, contract, LANES, CAPACITY)
    assert again.written == 6
    fill(again, contract, 2, start=6)
    assert again.arrays['reward'][0, :8].tolist() == list(range(8))


def test_replay_of_another_number_of_lanes_is_refused(tmp_path, contract):
    Replay(tmp_path, contract, LANES, CAPACITY).save()
    with pytest.raises(ValueError, match='lanes'):
        Replay(tmp_path, contract, LANES + 1, CAPACITY)


def test_longer_run_goes_on_in_the_lanes_it_began_with(tmp_path, contract):
    Replay(tmp_path, contract, LANES, CAPACITY).save()
    assert Replay(tmp_path, contract, LANES, 2 * CAPACITY).capacity == CAPACITY
