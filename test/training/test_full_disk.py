# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A disk of the trainer that is full costs what does not fit there, never the trainer."""

from __future__ import annotations

import resource
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

pytest.importorskip('mujoco')
import recorded
from served import PATIENCE_SEC, QUIET, TICKS, Told, fill, reach, serve

from world_model_ros.training.core.disk import SPARE_BYTES
from world_model_ros.training.data.ingest import Ingest
from world_model_ros.training.data.mixture import Shares
from world_model_ros.training.data.nominal import Nominal


@contextmanager
def files_up_to(size: int):
    """No file grows beyond so many bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')
def test_curves_that_do_not_fit_end_and_go_on_after_the_next_checkpoint(
    tmp_path, store, learner_file
):
    told = Told()
    service = serve(store.url, tmp_path / 'out', learner_file, told)
    give_up, updates = time.monotonic() + PATIENCE_SEC, 0
    with files_up_to(5_000):
        while not told.of('not_charted') and time.monotonic() < give_up:
            updates += 1
            service.board.add({'loss': 1.0}, '', updates)
        for _ in range(3):
            service.board.add({'loss': 1.0}, '', updates)
    [said] = told.of('not_charted')
    assert 'tensorboard' in said['reason'] and 'too large' in said['reason']
    service._save()
    service.board.add({'loss': 1.0}, '', updates + 1)
    service.board.close()
    assert len(told.of('not_charted')) == 1
    _, second = sorted((tmp_path / 'out' / 'tensorboard').iterdir())
    assert second.stat().st_size > 0


def test_without_room_the_own_simulator_waits_for_it_and_says_so_once(tmp_path):
    told, free = Told(), [SPARE_BYTES - 1]
    nominal = Nominal(
        recorded.robot(), tmp_path / 'nominal', 20, 0, told.say, free=lambda folder: free[0]
    )
    assert not nominal.may_live() and not nominal.may_live()
    [said] = told.of('not_lived')
    assert str(tmp_path / 'nominal') in said['reason'] and '128 MiB needed' in said['reason']
    free[0] = SPARE_BYTES
    assert nominal.may_live()


def test_without_room_for_nominal_ticks_the_robot_is_learned_from(
    tmp_path, bags, store, learner_file
):
    fill(store, bags, recorded.TRAINED[0])
    config = replace(QUIET, nominal_ticks=60, shares=Shares(nominal_least=20))
    told = Told(reach(3))
    service = serve(store.url, tmp_path / 'out', learner_file, told, config)
    service.nominal.free = lambda folder: 0
    service.run()
    assert told.statuses[-1]['ticks']['nominal'] == 0


def test_an_episode_larger_than_was_guessed_waits_for_room_before_replay_is_touched(
    tmp_path, bags, store
):
    recorded.upload(store, bags[recorded.TRAINED[0]])
    recorded.keep_secret(tmp_path / 'out')
    told, now, rooms = Told(), [0.0], [1 << 40, SPARE_BYTES]  # before and after it is fetched
    ingest = Ingest(
        recorded.robot(), tmp_path / 'out', 1_000, told.say, clock=lambda: now[0],
        free=lambda folder: rooms.pop(0) if rooms else 1 << 40,
    )  # fmt: skip
    ingest.look(store)
    assert ingest.take(store) is None and ingest.ticks == 0
    [said] = told.of('not_fetched')
    assert 'MiB free' in said['reason']
    now[0] += said['retry_in_s']
    ingest.look(store)
    ingest.take(store)
    assert ingest.ticks == TICKS
