# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Only what was lived is learned from: recordings are cut where a transition is unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mujoco')
import counter

from world_model_ros.contract import parse_contract
from world_model_ros.experience import EpisodeReader, EpisodeWriter, to_arrays
from world_model_ros.training.data.segments import learnable, split


def counted(root: Path, lose) -> tuple[EpisodeReader, dict[str, np.ndarray]]:
    """The counter's episode (joint angle = tick number) with some messages lost."""
    writer = EpisodeWriter(root, counter.info(), min_free_bytes=0)
    for message in counter.run(30):
        if not lose(message):
            writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(20) and writer.sealed, writer.error
    reader = EpisodeReader(writer.path)
    return reader, to_arrays(reader)


def tick_of(message) -> int:
    contract = counter.contract()
    return (message.t_ns - counter.T0_NS) // contract.period_ns


def test_lost_pictures_and_missing_ticks_split_an_episode(tmp_path):
    reader, arrays = counted(
        tmp_path,
        lambda m: (
            (m.role == 'stream.camera' and tick_of(m) in (10, 11))
            or (m.role == 'tick' and tick_of(m) == 20)
        ),
    )
    rows = learnable(arrays, reader, counter.contract())
    numbers = rows['obs_joints'][:, 0].astype(int)
    assert numbers.tolist() == [*range(10), *range(12, 20), *range(21, 30)]
    assert numbers[rows['is_first']].tolist() == [0, 12, 21]
    assert np.isnan(rows['reward'][rows['is_first']]).all()
    for piece in split(rows):
        assert (np.diff(piece['obs_joints'][:, 0]) == 1).all()
        # reward k is the action executed on the way to tick k
        np.testing.assert_allclose(piece['reward'][1:], piece['action_sent'][1:, 0], rtol=1e-5)


def test_a_lone_tick_between_two_losses_teaches_nothing(tmp_path):
    reader, arrays = counted(
        tmp_path, lambda m: m.role == 'stream.camera' and tick_of(m) in (10, 12)
    )
    rows = learnable(arrays, reader, counter.contract())
    assert 11 not in rows['obs_joints'][:, 0].astype(int)


def test_joints_that_are_not_numbers_count_as_unseen(tmp_path):
    reader, arrays = counted(tmp_path, lambda m: False)
    arrays['obs_joints'][15, 1] = np.nan
    arrays['action_sent'][22] = np.nan
    rows = learnable(arrays, reader, counter.contract())
    assert all(np.isfinite(rows[key]).all() for key in ('obs_joints', 'action_sent'))
    first = rows['obs_joints'][rows['is_first'], 0].astype(int)
    assert first.tolist() == [0, 16, 22] and 15 not in rows['obs_joints'][:, 0].astype(int)


def test_actions_are_taken_by_name_not_by_place(tmp_path):
    reader, arrays = counted(tmp_path, lambda m: False)
    arrays['action_sent'][:, 1] = 7.0  # the wrist's
    turned = counter.contract().text.replace(
        'names: [shoulder, wrist]\n  low', 'names: [wrist, shoulder]\n  low'
    )
    rows = learnable(arrays, reader, parse_contract(turned))
    assert (rows['action_sent'][1:, 0] == 7.0).all() and (rows['action_sent'][:, 1] < 1.0).all()
