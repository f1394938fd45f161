# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trainer as a service, step by step: without store, simulator or good luck, it lives."""

from __future__ import annotations

import json
import math
import resource
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip('mujoco')
import recorded
from served import QUIET, TICKS, Told, fill, reach, serve

from world_model_ros.bundle import check_bundle
from world_model_ros.contract import interface_hash
from world_model_ros.folder_lock import FolderInUse
from world_model_ros.releases import latest_release
from world_model_ros.store import open_store
from world_model_ros.training.core import checkpoint
from world_model_ros.training.data.ingest import HELD_OUT_SHARE
from world_model_ros.training.data.mixture import Shares
from world_model_ros.training.data.nominal import open_nominal
from world_model_ros.training.data.sides import is_held_out
from world_model_ros.training.judge.gate import GateConfig
from world_model_ros.training.judge.strips import CONTEXT, OPEN_LOOP


def test_a_store_that_vanishes_is_named_and_learning_goes_on_until_it_is_back(
    tmp_path, bags, store, learner_file
):
    fill(store, bags, recorded.TRAINED[0])
    folder, away, seen = Path(store.url), tmp_path / 'away', []

    def vanish(service, status):
        folder.rename(away)
        seen.append(status['updates'])
        return True

    def lost(service, status):
        return status['store_error'] and status['updates'] >= seen[0] + 5

    def come_back(service, status):
        away.rename(folder)
        fill(store, bags, recorded.TRAINED[1])
        return True

    def ingested(service, status):
        return status['episodes']['ingested'] == 2 and not status['store_error']

    told = Told(reach(3), vanish, lost, come_back, ingested)
    serve(store.url, tmp_path / 'out', learner_file, told).run()
    [lost_event] = told.of('store_lost')
    assert str(folder) in lost_event['reason'] and 'no such folder' in lost_event['reason']
    assert len(told.of('store_back')) == 1
    assert told.statuses[-1]['store_errors'] >= 1


def test_a_store_that_is_not_there_yet_is_waited_for(tmp_path, bags, learner_file):
    url = tmp_path / 'later'

    def begin(service, status):
        fill(open_store(url, create=True), bags, recorded.TRAINED[0])
        return True

    told = Told(lambda service, status: status['store_errors'] > 1, begin, reach(2))
    serve(url, tmp_path / 'out', learner_file, told).run()
    assert len(told.of('store_lost')) == len(told.of('store_back')) == 1


def test_a_release_the_store_kept_from_publishing_is_published_when_it_is_back(
    tmp_path, bags, store, learner_file
):
    fill(store, bags, recorded.TRAINED[0], recorded.HELD_OUT)
    folder, away = Path(store.url), tmp_path / 'away'

    def vanish_while_publishing(service, status):
        if status['phase'] != 'publishing':
            return False
        folder.rename(away)
        return True

    def come_back(service, status):
        if not status['store_error']:
            return False
        away.rename(folder)
        return True

    told = Told(vanish_while_publishing, come_back, lambda service, status: status['published'])
    config = replace(
        QUIET, publish_updates=5, poll_s=0.01, gate=GateConfig(1, 1e3, 1e3, 1e3), start_ticks=10
    )
    serve(store.url, tmp_path / 'out', learner_file, told, config).run()
    assert latest_release(store, interface_hash(recorded.robot())).number == 1
    assert len(told.of('gate')) == 1  # exported once, published when it could be


def test_a_trainer_of_a_folder_publishes_into_a_store_of_its_own(tmp_path, bags, learner_file):
    folder, bundle = tmp_path / 'episodes', tmp_path / 'mine'
    for name in (*recorded.TRAINED[:2], recorded.HELD_OUT):
        shutil.copytree(bags[name], folder / name)
    told = Told(lambda service, status: status['published'])
    config = replace(QUIET, publish_updates=5, gate=GateConfig(1, 1e3, 1e3, 1e3), start_ticks=10)
    serve(folder, tmp_path / 'out', learner_file, told, config, bundle=bundle).run()
    [begin] = told.of('learns_from_folder')
    assert begin['folder'] == str(folder)
    [published] = told.of('published')
    assert published['bundle'] == str(bundle) and not (tmp_path / 'out' / 'bundle').exists()
    assert check_bundle(bundle, recorded.robot()) == []
    release = latest_release(open_store(begin['releases']), interface_hash(recorded.robot()))
    assert set(release.episodes) == set(recorded.TRAINED[:2])


def test_a_release_judged_on_an_episode_too_short_to_draw_is_published_without_a_picture(
    tmp_path, bags, store, learner_file
):
    names = (f'{k:08x}-0000-4000-8000-00000000000a' for k in count(10))
    short = next(
        name for name in names if is_held_out(recorded.SECRET, 'r1', name, HELD_OUT_SHARE)
    )
    recorded.upload(store, recorded.record(tmp_path, short, CONTEXT + OPEN_LOOP - 1))
    fill(store, bags, recorded.TRAINED[0], recorded.HELD_OUT)
    told = Told(lambda service, status: status['published'] or status['store_errors'])
    # All of them are there before the first candidate: the short one is the newest of two.
    config = replace(QUIET, publish_updates=40, gate=GateConfig(2, 1e3, 1e3, 1e3), start_ticks=10)
    serve(store.url, tmp_path / 'out', learner_file, told, config).run()
    assert told.statuses[-1]['episodes']['held_out'] == 2
    assert told.of('store_lost') == [] and len(told.of('published')) == 1
    assert not store.exists(store.layout.strip_key(interface_hash(recorded.robot()), 1))


def test_updates_wait_for_the_ticks_that_pay_for_them(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0])
    steps = recorded.QUICK.batch * recorded.QUICK.length
    config = replace(QUIET, replay_ratio=4.0, start_ticks=10)
    allowed = int(TICKS * 4.0 / steps)

    def more(service, status):
        if status['phase'] != 'waiting':
            return False
        assert status['updates'] == status['updates_allowed'] == allowed
        assert status['replay_ratio'] <= 4.0
        fill(store, bags, recorded.TRAINED[1])
        return True

    told = Told(more, reach(2 * allowed))
    serve(store.url, tmp_path / 'out', learner_file, told, config).run()
    assert told.statuses[-1]['updates'] == 2 * allowed


def test_updates_that_are_not_finite_are_counted_and_lead_back(
    tmp_path, bags, store, learner_file
):
    fill(store, bags, recorded.TRAINED[0])

    def spoil(service, status):
        if status['updates'] < 5:
            return False
        assert service.state.save()
        service.good = status['updates']
        service.ingest.replay.arrays['obs_joints'][0, :TICKS] = np.nan
        return True

    def back(service, status):
        if not status['rollbacks']:
            return False
        rows = service.ingest.replay.arrays['obs_joints']
        rows[0, :TICKS] = 0.0  # the memory is mended
        return True

    told = Told(spoil, back, lambda service, status: status['updates'] > service.good + 3)
    service = serve(store.url, tmp_path / 'out', learner_file, told, replace(QUIET, bad_in_row=4))
    service.run()
    assert told.statuses[-1]['bad_updates'] >= 4
    [rollback] = told.of('rollback')
    assert '4 updates in a row' in rollback['reason'] and rollback['updates'] == service.good
    assert all(torch.isfinite(p).all() for p in service.learner.model.parameters())
    assert torch.isfinite(service.learner.return_scale)


def test_weights_that_are_not_finite_are_never_saved(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0])

    def poison(service, status):
        if status['updates'] < 3:
            return False
        with torch.no_grad():
            service.learner.model.gru.weight[0, 0] = math.nan
        assert not service.state.save()
        return True

    told = Told(poison)
    serve(store.url, tmp_path / 'out', learner_file, told).run()
    assert told.of('rollback')[0]['reason'] == 'weights are not finite'
    tensors = load_file(tmp_path / 'out' / 'checkpoint' / 'learner.safetensors')
    assert all(torch.isfinite(v).all() for v in tensors.values())


def test_without_room_for_a_checkpoint_the_one_before_is_kept(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(service, status):
        if status['updates'] < 3:
            return False
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
        try:
            service._save()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        found = checkpoint.find(tmp_path / 'out' / 'checkpoint')
        assert json.loads((found / 'state.json').read_text())['updates'] == 0
        assert load_file(found / 'learner.safetensors')
        return True

    told = Told(full, reach(6))
    serve(store.url, tmp_path / 'out', learner_file, told).run()
    assert 'too large' in told.of('not_saved')[0]['reason']
    saved = json.loads((tmp_path / 'out' / 'checkpoint' / 'state.json').read_text())
    assert saved['updates'] >= 6


def test_a_candidate_that_the_gate_refuses_stays_here(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0], recorded.HELD_OUT)
    strict = GateConfig(open_loop=1e-6)
    config = replace(QUIET, gate=strict, publish_updates=3, start_ticks=10)
    told = Told(lambda service, status: status['refused'] >= 2)
    serve(store.url, tmp_path / 'out', learner_file, told, config).run()
    assert latest_release(store, interface_hash(recorded.robot())) is None
    verdicts = told.of('gate')
    assert not any(v['passed'] for v in verdicts) and '15-step error' in verdicts[0]['text']
    shown = told.statuses[-1]['gate']
    assert shown['reasons'] and not shown['passed']
    assert len((tmp_path / 'out' / 'gate.jsonl').read_text().splitlines()) == len(verdicts)


def test_from_nothing_the_joints_are_scaled_by_the_first_robot_data(tmp_path, bags, store):
    fill(store, bags, recorded.TRAINED[0])
    told = Told(reach(1))
    service = serve(store.url, tmp_path / 'out', None, told)
    service.run()
    rows = service.ingest.replay.arrays['obs_joints'][0, :TICKS]
    assert float(service.learner.model.scale_joints[0]) == pytest.approx(
        rows.std(ddof=1), rel=1e-4
    )
    service._lock.close()
    del service, told.service
    again = Told(reach(2))
    resumed = serve(store.url, tmp_path / 'out', None, again)
    assert resumed.state.normalised and again.of('resumed')[0]['updates'] >= 1
    assert resumed.state.acting() == (None, '')


def test_nominal_experience_joins_the_batch_up_to_its_cap(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0])
    config = replace(QUIET, nominal_ticks=60, shares=Shares(nominal_least=20))

    def full(service, status):
        return status['ticks']['nominal'] == 60 and status['updates'] > 3

    told = Told(full)
    service = serve(store.url, tmp_path / 'out', learner_file, told, config)
    service.run()
    lived = service.nominal.replay.arrays
    assert len(service.nominal.replay) == 60 and lived['is_first'][:, 0].all()
    assert not any(status['ticks']['nominal'] > 60 for status in told.statuses)
    del told.service
    service._lock.close()
    again = serve(store.url, tmp_path / 'out', learner_file, Told(), config)
    assert again.nominal.full


def test_a_contract_without_a_simulated_body_is_learned_without_nominal_experience(tmp_path):
    text = recorded.robot().text.replace('name: cartpole', 'name: excavator')
    from world_model_ros.contract import parse_contract

    nominal, reason = open_nominal(parse_contract(text), tmp_path / 'nominal', 100, 0)
    assert nominal is None and 'excavator' in reason


def test_two_trainers_do_not_share_a_folder(tmp_path, store, learner_file):
    first = serve(store.url, tmp_path / 'out', learner_file, Told())
    with pytest.raises(FolderInUse, match='another trainer works here'):
        serve(store.url, tmp_path / 'out', learner_file, Told())
    assert first.folder.is_dir()
