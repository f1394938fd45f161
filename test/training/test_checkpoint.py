# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One whole checkpoint is there after any kill; one that cannot be used is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip('mujoco')
import recorded
import torch
from served import Told

from world_model_ros.families.dreamer.algorithm import Learner
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.training.core import checkpoint
from world_model_ros.training.core.trainer_state import Start, TrainerState


class Killed(BaseException):
    """Ends a call where the process would have ended."""


def learner() -> Learner:
    torch.manual_seed(0)
    return Learner(Dreamer(recorded.robot(), recorded.SMALL), recorded.QUICK)


def open_state(folder: Path, margin: float | None = None) -> TrainerState:
    folder.mkdir(exist_ok=True)
    start = Start('scratch')
    sizes, recipe = recorded.SMALL, recorded.QUICK
    return TrainerState(recorded.robot(), folder, start, Told().say, sizes, recipe, margin)


def test_the_old_checkpoint_outlives_a_kill_before_the_new_one_is_in_place(tmp_path, monkeypatch):
    folder, it = tmp_path / 'checkpoint', learner()
    checkpoint.save(folder, it, {})
    folder.rename(tmp_path / 'checkpoint.old')  # as a kill between the two renames leaves it

    def die(*_):
        raise Killed

    monkeypatch.setattr(Path, 'rename', die)
    with pytest.raises(Killed):
        checkpoint.save(folder, it, {})
    assert checkpoint.find(folder) == tmp_path / 'checkpoint.old'


def test_after_a_kill_between_the_renames_the_next_save_leaves_one_checkpoint(tmp_path):
    folder, it = tmp_path / 'checkpoint', learner()
    checkpoint.save(folder, it, {})
    folder.rename(tmp_path / 'checkpoint.old')
    checkpoint.save(folder, it, {})
    assert [path.name for path in tmp_path.iterdir()] == ['checkpoint']


@pytest.mark.parametrize('missing', ['learner.safetensors', 'state.json'])
def test_a_torn_checkpoint_is_not_found(tmp_path, missing):
    folder, it = tmp_path / 'checkpoint', learner()
    checkpoint.save(folder, it, {})
    folder.rename(tmp_path / 'checkpoint.old')
    checkpoint.save(tmp_path / 'other', it, {})
    (tmp_path / 'other').rename(folder)
    (folder / missing).unlink()
    assert checkpoint.find(folder) == tmp_path / 'checkpoint.old'


def change_state(path: Path, **changes) -> None:
    state = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in state.items() if v is not None}))


@pytest.mark.parametrize(
    ('spoil', 'told'),
    [
        (lambda folder: change_state(folder / 'state.json', format=99), 'format 99'),
        (lambda folder: change_state(folder / 'state.json', model=None), "KeyError: 'model'"),
        (lambda folder: change_state(folder / 'state.json', planner={'depth': 3}), 'depth'),
        (lambda folder: (folder / 'state.json').write_text('{'), 'not JSON'),
        (lambda folder: (folder / 'learner.safetensors').write_bytes(b'junk'), 'Safetensor'),
    ],
    ids=['another version', 'nothing of the model', 'another planner', 'no JSON', 'no weights'],
)
def test_a_checkpoint_that_cannot_be_used_is_refused_by_its_name_with_the_way_out(
    tmp_path, spoil, told
):
    open_state(tmp_path)
    spoil(tmp_path / 'checkpoint')
    with pytest.raises(ValueError, match=told) as error:
        open_state(tmp_path)
    assert str(tmp_path / 'checkpoint') in str(error.value)
    assert 'give another --out' in str(error.value)


def test_a_policy_margin_asked_for_at_a_restart_is_taken(tmp_path):
    open_state(tmp_path, margin=0.25)
    assert open_state(tmp_path, margin=0.75).planner.policy_margin == 0.75


def test_a_policy_margin_asked_for_outlives_going_back_to_a_checkpoint(tmp_path):
    open_state(tmp_path, margin=0.25)
    state = open_state(tmp_path, margin=0.75)
    state.go_back('asked to')
    assert state.planner.policy_margin == 0.75


def test_a_restart_without_a_policy_margin_keeps_the_one_before(tmp_path):
    open_state(tmp_path, margin=0.25)
    assert open_state(tmp_path).planner.policy_margin == 0.25
