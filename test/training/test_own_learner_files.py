# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A damaged learner file of the trainer's own folder costs what was in it, not the trainer."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('mujoco')
import recorded
from served import QUIET, Told, fill, serve

from world_model_ros.families.dreamer.alignment import AlignConfig
from world_model_ros.training.core.aligner import Aligned, Aligner
from world_model_ros.training.core.learner_file import write_shipped
from world_model_ros.training.core.trainer_state import (
    ACTING,
    ORIGIN,
    TEACHER,
    Start,
    TrainerState,
)
from world_model_ros.training.data.replay import Replay


def open_state(folder: Path, learner_file: Path, told: Told) -> TrainerState:
    return TrainerState(
        recorded.robot(), folder, Start('file', learner_file), told.say, recipe=recorded.QUICK
    )


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def test_without_readable_acting_weights_candidates_are_judged_as_if_nothing_acted(
    tmp_path, bags, store, learner_file
):
    fill(store, bags, recorded.TRAINED[0], recorded.HELD_OUT)
    told = Told(lambda service, status: status['gate'])
    config = replace(QUIET, publish_updates=3, start_ticks=10)
    service = serve(store.url, tmp_path / 'out', learner_file, told, config)
    damage(tmp_path / 'out' / ACTING)
    service.run()
    assert 'against copy-last' in told.of('gate')[0]['text']
    assert str(tmp_path / 'out' / ACTING) in told.of('learner_file_unreadable')[0]['reason']


def test_before_the_first_alignment_the_learner_itself_has_the_weights_it_began_with(
    tmp_path, learner_file
):
    told = Told()
    state = open_state(tmp_path, learner_file, told)
    damage(tmp_path / ORIGIN)
    began = state.origin().state_dict()
    assert all(torch.equal(v, began[k]) for k, v in state.learner.model.state_dict().items())
    assert ORIGIN in told.of('learner_file_unreadable')[0]['reason']


def test_without_the_weights_it_began_with_there_is_no_second_alignment(tmp_path, learner_file):
    told = Told()
    state = open_state(tmp_path, learner_file, told)
    state.aligned(copy.deepcopy(state.learner.model), True, 0)
    damage(tmp_path / ORIGIN)
    robot = Replay(tmp_path / 'replay', recorded.robot(), 1, 10)
    config = AlignConfig(again_ticks=0)
    aligner = Aligner(state, robot, None, np.random.default_rng(0), config)
    assert aligner.due and aligner.step(told.say)[0] is Aligned.LOST and not aligner.due


def test_going_back_needs_no_readable_teacher(tmp_path, learner_file):
    state = open_state(tmp_path, learner_file, Told())
    state.aligned(copy.deepcopy(state.learner.model), True, 0)
    state.save()
    damage(tmp_path / TEACHER)
    state.go_back('asked to')
    assert state.learner.teacher is not None


def test_a_learner_file_replaces_the_one_before_and_leaves_nothing_beside_it(
    tmp_path, learner_file
):
    state = open_state(tmp_path, learner_file, Told())
    before = {path.name for path in tmp_path.iterdir()}
    write_shipped(tmp_path / ACTING, state.learner)
    state.acts_now(learner_file, 'abc')
    assert {path.name for path in tmp_path.iterdir()} == before
    assert (tmp_path / ACTING).read_bytes() == learner_file.read_bytes()
