# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every fault of the learning half is counted by whoever met it, and shown by the demo's view."""

from __future__ import annotations

import io
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

pytest.importorskip('mujoco')
pytest.importorskip('rclpy')
pytest.importorskip('onnxruntime')
import fleet_bundles
import recorded
from rich.console import Console
from served import QUIET, TICKS, Told, fill, reach, serve

from world_model_ros.contract import interface_hash, load_contract
from world_model_ros.deploy.supervisor import Supervisor
from world_model_ros.fleet.updater import Updater
from world_model_ros.releases import publish_release
from world_model_ros.store import open_store
from world_model_ros.telemetry.learning_loop import LearningLoop
from world_model_ros.telemetry.robot_view import RobotView
from world_model_ros.telemetry.terminal import draw
from world_model_ros.training.data.ingest import UPLOAD_SEC


def loop_of(store, tmp_path, contract=None) -> LearningLoop:
    contract = contract or recorded.robot()
    return LearningLoop(store.url, tmp_path / 'robot.yaml', contract, 'r', tmp_path / 'out', None)


def shown(loop: LearningLoop, children=()) -> str:
    """The whole view, as a wide terminal shows it now."""
    loop.poll()
    console = Console(width=600, file=io.StringIO())
    console.print(draw('demo', RobotView(), children, 1.0, 'episodes', 0.04, loop))
    return console.file.getvalue()


def train(store, tmp_path, learner_file, *steps, config=QUIET):
    """Run a real service until all steps are done; the newest status is in the store."""
    told = Told(*steps)
    service = serve(store.url, tmp_path / 'out', learner_file, told, config)
    service.run()
    return told


def test_nothing_is_said_where_nothing_is_wrong(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0])
    train(store, tmp_path, learner_file, reach(2))
    assert 'faults' not in shown(loop_of(store, tmp_path))


def test_a_store_that_vanished_and_returned(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0])
    folder, away, loop = Path(store.url), tmp_path / 'away', loop_of(store, tmp_path)
    texts = []

    def vanish(service, status):
        folder.rename(away)
        return True

    def lost(service, status):
        if status['store_error']:
            texts.append(shown(loop))
        return status['store_error']

    def come_back(service, status):
        away.rename(folder)
        return True

    def back(service, status):
        return not status['store_error']

    told = train(store, tmp_path, learner_file, reach(1), vanish, lost, come_back, back)
    assert f'store: cannot be read: store {folder}' in texts[0]
    count = told.statuses[-1]['store_errors']
    text = shown(loop)
    assert count >= 1 and f'trainer: store lost {count}×' in text and 'no such folder' in text
    assert 'cannot be read' not in text


def test_a_half_copied_episode(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0])
    name = recorded.TRAINED[1]
    fill(store, bags, name)
    complete = next(Path(store.url).rglob(f'{name}/complete.json'))
    kept = complete.read_bytes()
    complete.unlink()
    loop = loop_of(store, tmp_path)

    def begun(service, status):
        return status['episodes']['ingested'] == 1

    def not_yet(service, status):
        assert status['episodes']['half_copied'] == 0
        service.ingest.clock = lambda: time.monotonic() + UPLOAD_SEC
        return True

    def said(service, status):
        return status['episodes']['half_copied'] == 1

    def whole(service, status):
        text = shown(loop)
        assert f'trainer: episodes half copied: {name}: robots/' in text
        assert 'no complete.json yet' in text
        complete.write_bytes(kept)
        return True

    def ingested(service, status):
        return status['episodes']['ingested'] == 2

    # What is shown is what the store holds: one status later.
    steps = (begun, not_yet, said, lambda *_: True, whole, ingested)
    told = train(store, tmp_path, learner_file, *steps)
    assert len(told.of('half_copied')) == 1 and told.statuses[-1]['half_copied'] == []
    assert 'trainer: episodes half copied 1×' in shown(loop)  # it was; nothing was lost


def test_an_episode_that_cannot_serve_the_contract(tmp_path, bags, store, learner_file):
    bogus = tmp_path / 'bogus'
    bogus.mkdir()
    (bogus / 'bogus.mcap').write_bytes(b'not a recording')
    recorded.upload(store, bogus)
    fill(store, bags, recorded.TRAINED[0])
    train(store, tmp_path, learner_file, reach(2))
    assert 'trainer: episodes refused 1×: bogus: ' in shown(loop_of(store, tmp_path))


def test_losses_that_are_not_finite(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0])

    def spoil(service, status):
        if status['updates'] < 2:
            return False
        assert service.state.save()
        service.ingest.replay.arrays['obs_joints'][0, :TICKS] = np.nan
        return True

    def back(service, status):
        if status['rollbacks']:
            service.ingest.replay.arrays['obs_joints'][0, :TICKS] = 0.0
        return status['rollbacks']

    config = replace(QUIET, bad_in_row=4)
    told = train(store, tmp_path, learner_file, spoil, back, config=config)
    bad = told.statuses[-1]['bad_updates']
    text = shown(loop_of(store, tmp_path))
    assert bad >= 4 and f'trainer: updates not finite {bad}×: not finite: ' in text
    assert 'trainer: went back to a checkpoint 1×: 4 updates in a row' in text


def test_a_disk_of_the_trainer_that_is_full(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(service, status):
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
        try:
            service._save()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        return True

    train(store, tmp_path, learner_file, reach(2), full, reach(4))
    text = shown(loop_of(store, tmp_path))
    assert 'trainer: not saved 1×: ' in text and 'too large' in text


def test_a_bundle_that_fails_preflight(tmp_path):
    store = open_store(tmp_path / 'store', create=True)
    path = fleet_bundles.write_contract(tmp_path / 'robot.yaml')
    contract = load_contract(path)
    bundle = fleet_bundles.make_bundle(
        tmp_path / 'bundle', path, policy=fleet_bundles.growing_policy
    )
    release = publish_release(store, bundle, interface_hash(contract))
    updater = Updater(store.url, path, tmp_path / 'slots', robot_id='r')
    assert updater.poll().state == 'refused'
    text = shown(loop_of(store, tmp_path, contract))
    assert f'updater: bundles refused 1×: {release.bundle_sha[:12]}: policy: action_mean' in text


def test_a_learner_file_of_another_version(tmp_path, store, learner_file):
    path = tmp_path / 'other.learner.safetensors'
    save_file(load_file(learner_file), path, metadata={'format': '99'})
    (tmp_path / 'robot.yaml').write_text(recorded.robot().text)
    supervisor = Supervisor(tmp_path / 'logs')
    loop = replace(loop_of(store, tmp_path), start_from=path)
    supervisor.start_module('trainer', loop.trainer_line())
    try:
        supervisor.children[0].process.wait(120.0)
        text = shown(loop, supervisor.children)
    finally:
        supervisor.stop()
    assert 'trainer: ended: status 1: ' in text and path.name in text
