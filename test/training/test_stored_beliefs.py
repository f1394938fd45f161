# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A window begins with what was believed before it, or with nothing; never with another tick's."""

import numpy as np
import pytest

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.training.data.replay import Replay
from world_model_ros.training.data.stored_beliefs import StoredBeliefs

LANES, CAPACITY, DIM = 2, 16, 3
SAMPLES = 64


@pytest.fixture()
def contract():
    return load_contract(find_robot('cartpole'))


def live(replay: Replay, contract, count: int, stored: StoredBeliefs | None = None) -> None:
    """Ticks whose reward is their number; each belief is that number, too."""
    for number in range(replay.written, replay.written + count):
        tick = {
            'obs_camera': np.zeros(contract.stream('camera').shape, np.uint8),
            'obs_joints': np.float32([number]),
            'ages': np.zeros(2, np.float32),
            'action_sent': np.float32([number]),
            'reward': np.float32(number),
            'is_first': np.bool_(number % 10 == 0),
            'terminal': np.bool_(False),
        }
        replay.add([tick] * LANES)
        if stored is not None:
            stored.add(np.full((LANES, DIM), number, np.float32), update=7)


def drawn(stored: StoredBeliefs, length: int = 3) -> dict[str, np.ndarray]:
    return stored.sample(np.random.default_rng(0), SAMPLES, length, update=10)


def test_context_is_the_belief_of_the_tick_before(tmp_path, contract):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    stored = StoredBeliefs(replay, DIM)
    live(replay, contract, 3 * CAPACITY + 5, stored)  # round and round
    rows = drawn(stored)
    first, number = rows['is_first'][:, 0], rows['reward'][:, 0]
    assert not first.all() and (rows['context'][~first, 0] == number[~first] - 1).all()
    # Nothing precedes the oldest tick that is held, and an episode begins with nothing.
    alone = (number == replay.oldest) | (number % 10 == 0)
    np.testing.assert_array_equal(first, alone)
    assert (rows['context'][first] == 0).all()
    assert stored.share == pytest.approx((~first).mean()) and stored.age == 3.0


def test_without_beliefs_windows_begin_with_nothing(tmp_path, contract):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    stored = StoredBeliefs(replay, DIM)
    live(replay, contract, CAPACITY)
    rows = drawn(stored)
    assert rows['is_first'][:, 0].all() and not rows['context'].any()
    assert (stored.share, stored.age) == (0.0, 0.0)


def test_what_an_update_filtered_is_the_next_context(tmp_path, contract):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    stored = StoredBeliefs(replay, DIM)
    live(replay, contract, CAPACITY, stored)
    rows = drawn(stored)
    beliefs = np.repeat(100.0 + rows['reward'][..., None], DIM, -1)
    use = rows['reward'] != 5  # that one was not corrected by what was seen
    stored.refresh(beliefs, use, update=11)
    again = drawn(stored)
    first, number = again['is_first'][:, 0], again['reward'][:, 0]
    want = np.where(number - 1 == 5, 5.0, 100.0 + number - 1)
    refreshed = ~first & np.isin(number - 1, rows['reward'])
    assert refreshed.sum() > 10
    np.testing.assert_array_equal(again['context'][refreshed, 0], want[refreshed])


def test_ticks_that_are_simulated_again_after_a_kill_have_no_belief_yet(tmp_path, contract):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    stored = StoredBeliefs(replay, DIM)
    live(replay, contract, 8, stored)
    replay.save()
    live(replay, contract, 4, stored)  # lost with the process
    again = Replay(tmp_path, contract, LANES, CAPACITY)
    stored = StoredBeliefs(again, DIM)
    live(again, contract, 4)
    rows = drawn(stored)
    number, known = rows['reward'][:, 0], ~rows['is_first'][:, 0]
    assert known.any() and (number[known] <= 8).all()


@pytest.mark.parametrize('content', [b'', b'not an array', b'\x93NUMPY\x01\x00'])
def test_a_torn_cache_begins_again(tmp_path, contract, content):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    live(replay, contract, CAPACITY, StoredBeliefs(replay, DIM))
    for name in ('belief', 'belief_tick', 'belief_update'):
        (tmp_path / f'{name}.npy').write_bytes(content)
    stored = StoredBeliefs(replay, DIM)
    assert drawn(stored)['is_first'][:, 0].all()


def test_a_model_of_another_size_begins_again(tmp_path, contract):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    live(replay, contract, CAPACITY, StoredBeliefs(replay, DIM))
    rows = drawn(StoredBeliefs(replay, DIM + 1))
    assert rows['context'].shape == (SAMPLES, DIM + 1) and not rows['context'].any()


def test_a_belief_that_is_not_finite_is_no_context(tmp_path, contract):
    replay = Replay(tmp_path, contract, LANES, CAPACITY)
    stored = StoredBeliefs(replay, DIM)
    live(replay, contract, CAPACITY, stored)
    stored.belief[:] = np.nan
    rows = drawn(stored)
    assert rows['is_first'][:, 0].all() and np.isfinite(rows['context']).all()
