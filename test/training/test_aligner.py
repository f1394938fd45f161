# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The service aligns before it learns: it waits for ticks, outlives kills and a full disk."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip('mujoco')
import recorded
from served import QUIET, TICKS, Told, fill, reach, serve

from world_model_ros.families.dreamer import family
from world_model_ros.families.dreamer.alignment import AlignConfig
from world_model_ros.families.dreamer.shift_fit import FitConfig
from world_model_ros.families.dreamer.shift_search import SearchConfig, Windows
from world_model_ros.training.core.trainer_state import ORIGIN, TEACHER

TINY = Windows(2, 2)
FIT = FitConfig(
    turns=(0.0,), try_steps=1, tries=TINY, steps=2, best=TINY, motor_steps=2,
    search=SearchConfig(judged=2),
)  # fmt: skip
SMALL = AlignConfig(ticks=TICKS + 10, fit=FIT, batch=2, length=4, pictures=4, retrain_steps=2)
ALIGNING = replace(QUIET, align=SMALL)
MARK = 0.123


def marked(model, *_):
    """An alignment that understands: it marks an encoder, which must be free to learn."""
    yield 'estimating the camera shift'
    weight = model.encoders['camera'].out.bias
    assert weight.requires_grad
    weight.data.fill_(MARK)
    return True


def bias(service) -> torch.Tensor:
    return service.learner.model.encoders['camera'].out.bias


def state_of(folder: Path) -> dict:
    return json.loads((folder / 'checkpoint' / 'state.json').read_text())


def test_nothing_is_learned_before_enough_was_lived_and_a_strange_camera_is_a_fault(
    tmp_path, bags, store, learner_file
):
    fill(store, bags, recorded.TRAINED[0])

    def waits(service, status):
        if status['doing'] != 'waiting for episodes, too few robot ticks to align yet':
            return False
        assert status['updates'] == 0 < status['updates_allowed']
        fill(store, bags, recorded.TRAINED[1])
        return True

    told = Told(waits, reach(3))
    service = serve(store.url, tmp_path / 'out', learner_file, told, ALIGNING)
    service.run()
    doings = [status['doing'] for status in told.statuses]
    assert doings.index('estimating the camera shift') < doings.index('learning')
    [fault] = told.of('camera_not_understood')
    assert told.statuses[-1]['faults']['camera_not_understood']['reason'] == fault['reason']
    assert service.learner.teacher is None  # its pictures are learned again from scratch
    assert not (tmp_path / 'out' / TEACHER).exists()


def test_a_replay_too_small_for_the_ticks_asked_for_aligns_when_it_is_full(
    tmp_path, bags, store, learner_file, monkeypatch
):
    monkeypatch.setattr(family, 'align', marked)
    fill(store, bags, recorded.TRAINED[0])
    small = replace(ALIGNING, capacity=TICKS - 5, align=replace(SMALL, ticks=10 * TICKS))
    service = serve(store.url, tmp_path / 'out', learner_file, Told(reach(2)), small)
    service.run()
    assert torch.all(bias(service) == MARK)


def test_what_was_aligned_is_held_on_to_also_after_a_restart(
    tmp_path, bags, store, learner_file, monkeypatch
):
    monkeypatch.setattr(family, 'align', marked)
    fill(store, bags, *recorded.TRAINED[:2])
    out = tmp_path / 'out'
    # Left by one that was killed between the teacher and the checkpoint that names it.
    out.mkdir()
    (out / TEACHER).write_bytes(Path(learner_file).read_bytes())
    told = Told(reach(3))
    service = serve(store.url, out, learner_file, told, ALIGNING)
    service.run()
    assert torch.all(bias(service) == MARK) and service.learner.teacher is not None
    assert state_of(out)['anchored'] and not state_of(out)['unaligned']
    service._lock.close()  # as if its process had ended
    told = Told(reach(6))
    again = serve(store.url, out, learner_file, told, ALIGNING)
    assert not again.aligner.due and again.learner.teacher is not None
    again.run()
    assert torch.all(bias(again) == MARK)
    again.state.go_back('asked to')
    assert again.learner.teacher is not None and torch.all(bias(again) == MARK)


@pytest.mark.parametrize('killed', [False, True])
def test_it_is_aligned_once_more_with_what_was_lived_since_and_keeps_what_was_learned(
    tmp_path, bags, store, learner_file, monkeypatch, killed
):
    passes = []

    def marks(model, draw, *_):
        yield 'estimating the camera shift'
        assert torch.all(model.encoders['camera'].out.bias != MARK)  # from the start again
        assert draw(8, 4)['reward'].shape == (8, 4)
        passes.append(model)
        for weight in (model.encoders['camera'].out.bias, model.reward_head.out.bias):
            weight.data.fill_(MARK * len(passes))
        return True

    def lived_more(service, status):
        if status['updates'] < 3:
            return False
        assert len(passes) == 1 and torch.all(bias(service) == MARK)
        assert service.state.align_again and not service.aligner.due
        fill(store, bags, recorded.TRAINED[2])
        return True

    monkeypatch.setattr(family, 'align', marks)
    fill(store, bags, *recorded.TRAINED[:2])
    config = replace(ALIGNING, align=replace(SMALL, again_ticks=10))
    out = tmp_path / 'out'
    ends = (lambda service, status: service.aligner.due) if killed else reach(6)
    service = serve(store.url, out, learner_file, Told(lived_more, ends), config)
    service.run()
    if killed:
        assert len(passes) == 1 and state_of(out)['align_again']
        service._lock.close()  # as if its process had ended
        service = serve(store.url, out, learner_file, Told(reach(6)), config)
        service.run()
    assert len(passes) == 2 and torch.all(bias(service) == 2 * MARK)
    assert torch.all(service.learner.teacher.encoders['camera'].out.bias == 2 * MARK)
    # Rewards were learned since the first time, and go on from there.
    assert (service.learner.model.reward_head.out.bias - MARK).abs().max() < 0.5 * MARK
    assert state_of(out)['anchored'] and not state_of(out)['align_again']


def test_what_a_full_disk_keeps_from_being_saved_is_saved_later(
    tmp_path, bags, store, learner_file, monkeypatch
):
    monkeypatch.setattr(family, 'align', marked)
    fill(store, bags, *recorded.TRAINED[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_up(service, status):
        if status['doing'] == 'estimating the camera shift':
            resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
            return True
        return False

    def make_room(service, status):
        if not told.of('not_saved'):
            return False
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert state_of(tmp_path / 'out')['unaligned']
        return True

    told = Told(fill_up, make_room, reach(2))
    try:
        serve(store.url, tmp_path / 'out', learner_file, told, ALIGNING).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert told.statuses[-1]['faults']['not_saved']['count'] >= 1
    assert state_of(tmp_path / 'out')['anchored']


def test_a_checkpoint_alone_that_does_not_fit_costs_no_second_alignment(
    tmp_path, bags, store, learner_file, monkeypatch
):
    monkeypatch.setattr(family, 'align', marked)
    fill(store, bags, *recorded.TRAINED[:2])
    out = tmp_path / 'out'
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_up(service, status):
        if status['doing'] != 'estimating the camera shift':
            return False
        # A checkpoint holds the weights twice, the teacher once.
        room = (out / ORIGIN).stat().st_size * 3 // 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        return True

    def make_room(service, status):
        if not told.of('not_saved'):
            return False
        assert (out / TEACHER).exists()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        return True

    told = Told(fill_up, make_room, reach(2))
    try:
        serve(store.url, out, learner_file, told, ALIGNING).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert state_of(out)['align_again'] and state_of(out)['anchored']


def test_saving_what_was_aligned_is_not_tried_at_every_turn(
    tmp_path, bags, store, learner_file, monkeypatch
):
    monkeypatch.setattr(family, 'align', marked)
    fill(store, bags, *recorded.TRAINED[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_up(service, status):
        if status['doing'] == 'estimating the camera shift':
            resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
            return True
        return False

    def failed(service, status):
        return bool(told.of('not_saved'))

    def turn(service, status):
        return True

    def make_room(service, status):
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        return True

    told = Told(fill_up, failed, turn, turn, turn, make_room)
    # It looks into the store once, and the pause is five times that long.
    config = replace(ALIGNING, poll_s=1e9)
    try:
        serve(store.url, tmp_path / 'out', learner_file, told, config).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert len(told.of('not_saved')) == 1
