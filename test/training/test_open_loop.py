# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Beliefs of many pieces take the memory of a few, and are those of each piece alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip('mujoco')
import recorded

from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.training.judge.open_loop import (
    LONGEST_PIECE,
    MOST_TICKS,
    SURPRISE_TICKS,
    Piece,
    believe,
    surprise_limit,
)


def rows_of(*sizes: int) -> dict[str, np.ndarray]:
    """Random life in pieces of these sizes."""
    rng, total = np.random.default_rng(0), sum(sizes)
    first = np.zeros(total, bool)
    first[np.cumsum([0, *sizes[:-1]])] = True
    return {
        'obs_camera': rng.integers(0, 256, (total, 32, 32, 3)).astype(np.uint8),
        'obs_joints': rng.normal(size=(total, 1)).astype(np.float32),
        'ages': np.zeros((total, 2), np.float32),
        'action_sent': rng.normal(size=(total, 1)).astype(np.float32),
        'reward': rng.random(total).astype(np.float32),
        'is_first': first,
        'terminal': np.zeros(total, bool),
    }


class Counting:
    """A model whose belief is the joints; it notes the rows and ticks of each group."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []

    def initial(self, rows: int) -> torch.Tensor:
        self.groups.append([rows, 0])
        return torch.zeros(rows, 1)

    def observe(self, belief, sent, seen, ages, first):
        self.groups[-1][1] += 1
        return seen['joints'], torch.full((len(seen['joints']),), 0.5)


def test_one_long_piece_among_many_short_ones_does_not_fill_the_memory():
    model = Counting()
    believe(model, [rows_of(LONGEST_PIECE, *[2] * 300)])
    assert max(rows * ticks for rows, ticks in model.groups) <= MOST_TICKS


def test_pieces_come_back_in_their_order():
    rows = rows_of(*[LONGEST_PIECE, 2, 30] * 8)
    found = believe(Counting(), [rows])
    joints = np.concatenate([piece.beliefs.numpy() for piece in found])
    np.testing.assert_array_equal(joints, rows['obs_joints'])


def test_beliefs_are_those_of_each_piece_alone():
    torch.manual_seed(0)
    model = Dreamer(recorded.robot(), recorded.SMALL).requires_grad_(False)
    found = believe(model, [rows_of(40, 3, 25, 2, 40)])
    for piece in found:
        [alone] = believe(model, [piece.rows])
        torch.testing.assert_close(piece.beliefs, alone.beliefs)


def test_without_a_piece_there_is_nothing_to_believe():
    assert believe(Counting(), []) == []


def test_surprise_of_each_tick_comes_with_its_belief():
    [piece, _] = believe(Counting(), [rows_of(40, 3)])
    assert piece.surprise.tolist() == [0.5] * 40


def pieces_with(surprise: np.ndarray, count: int = 1) -> list[Piece]:
    nats = torch.from_numpy(surprise.astype(np.float32))
    return [Piece({}, torch.zeros(len(nats), 1), nats)] * count


def test_out_of_the_ordinary_is_twice_what_nearly_all_held_out_ticks_have():
    calm = np.ones(300)
    calm[0] = 1e6  # the first tick has no prediction
    calm[50] = 6.0  # one tick in a mean of five
    limit = surprise_limit(pieces_with(calm))
    assert limit == pytest.approx(2.0 * 2.0)


def test_too_few_held_out_ticks_give_no_limit():
    assert np.isnan(surprise_limit([]))
    assert np.isnan(surprise_limit(pieces_with(np.ones(SURPRISE_TICKS), 500)))
    assert np.isnan(surprise_limit(pieces_with(np.ones(100))))
