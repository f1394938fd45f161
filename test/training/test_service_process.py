# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trainer as a process: killed and asked to leave, its command and what it refuses."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys

import pytest
import torch

pytest.importorskip('mujoco')
import recorded
from served import PATIENCE_SEC, TICKS, Child, fill

from world_model_ros.bundle import check_bundle
from world_model_ros.contract import interface_hash
from world_model_ros.gate_figures import useful_horizons
from world_model_ros.releases import fetch_release, latest_release
from world_model_ros.store.read_limits import PICTURE_BYTES
from world_model_ros.training.core import checkpoint
from world_model_ros.training.core.learner_file import read_shipped
from world_model_ros.training.data.ledger import Ledger


def test_killed_it_goes_on_without_ros_or_simulator_and_publishes(
    tmp_path, bags, store, learner_file
):
    out = tmp_path / 'out'
    settings = {'blocked': True, 'checkpoint_every_s': 0.2, 'publish_every_s': 1e9}
    fill(store, bags, *recorded.TRAINED[:2])
    child = Child(store, out, learner_file, **settings)
    child.status(lambda s: s['updates'] > 5)
    child.end(signal.SIGKILL)
    saved = json.loads((checkpoint.find(out / 'checkpoint') / 'state.json').read_text())
    fill(store, bags, recorded.TRAINED[2], recorded.HELD_OUT)
    child = Child(store, out, learner_file, **{**settings, 'publish_every_s': 0.5})
    assert child.event('resumed')['updates'] == saved['updates'] > 0
    published = child.event('published')
    child.status(lambda s: s['release'] is not None)
    child.end(signal.SIGTERM)
    assert child.process.returncode == 0
    assert child.lines[-1] == {'event': 'end', 'loaded': []}
    # Nothing twice, nothing lost.
    ledger = Ledger(out / 'ledger.jsonl')
    assert {e.uuid for e in ledger.of('ingested')} == set(recorded.TRAINED[:3])
    assert [e.uuid for e in ledger.of('held_out')] == [recorded.HELD_OUT]
    replay = json.loads((out / 'replay' / 'replay.json').read_text())
    assert replay['written'] == 3 * TICKS
    # A robot finds a verified bundle, and what it was made of.
    ours = interface_hash(recorded.robot())
    release = latest_release(store, ours)
    assert (release.number, release.updates) == (published['number'], published['updates'])
    assert set(release.episodes) <= set(recorded.TRAINED[:3])
    assert release.gate['passed'] and math.isfinite(release.gate['ratio_15'])
    bundle = fetch_release(store, release, tmp_path / 'bundle')
    assert check_bundle(bundle, recorded.robot()) == []
    far = useful_horizons(release.gate)
    assert {'joints', 'picture'} <= set(far) and release.gate['imagined'].startswith('not used: ')
    manifest = json.loads((bundle / 'manifest.json').read_text())
    assert useful_horizons(manifest['provenance']['gate']) == far
    acting = read_shipped(out / 'acting.learner.safetensors', recorded.robot())
    start = read_shipped(learner_file, recorded.robot())
    assert any(not torch.equal(acting.tensors[k], v) for k, v in start.tensors.items())
    verdicts = (out / 'gate.jsonl').read_text().splitlines()
    assert json.loads(verdicts[0])['passed'] and list((out / 'strips').glob('*.png'))
    assert store.get(store.layout.strip_key(ours, release.number), PICTURE_BYTES).startswith(
        b'\x89PNG'
    )
    film = store.get(store.layout.film_key(ours, release.number), PICTURE_BYTES)
    assert film.startswith(b'RIFF') and film[8:12] == b'WEBP'
    status = json.loads(store.get(store.layout.trainer_key(ours)))
    assert status['phase'] == 'left' and status['published'] >= 1
    assert status['release']['bundle_sha'] == release.bundle_sha


def test_asked_to_leave_while_exporting_it_saves_and_goes(tmp_path, bags, store, learner_file):
    fill(store, bags, recorded.TRAINED[0], recorded.HELD_OUT)
    out = tmp_path / 'out'
    # To trace takes seconds: it is still at it when it is asked.
    child = Child(
        store, out, learner_file, publish_updates=5, checkpoint_every_s=1e9, traces_itself=True
    )
    child.status(lambda s: s['phase'] == 'exporting')
    child.process.send_signal(signal.SIGTERM)
    child.wait()
    last = child.status(lambda s: s['phase'] == 'left')
    assert child.process.returncode == 0
    assert any(line.get('event') == 'broken_off' for line in child.lines)
    assert not any(line.get('event') == 'published' for line in child.lines)
    saved = json.loads((out / 'checkpoint' / 'state.json').read_text())
    assert saved['updates'] == last['updates'] > 0


def command(*arguments: str, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-m', 'world_model_ros.cli.main', *arguments],
        capture_output=True, text=True, timeout=PATIENCE_SEC, check=False,
        env={**os.environ, 'COLUMNS': '200'}, **kwargs,
    )  # fmt: skip


def test_the_command_learns_from_a_store_and_says_so_line_by_line(tmp_path, bags, store):
    fill(store, bags, recorded.TRAINED[0])
    recorded.keep_secret(tmp_path / 'out')
    contract = tmp_path / 'cartpole.yaml'
    contract.write_text(recorded.robot().text)
    done = command(
        'train', store.url, '--contract', str(contract), '--out', str(tmp_path / 'out'),
        '--start-ticks', '30', '--nominal-ticks', '0', '--minutes', '0.1',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{')]
    start = next(line for line in lines if line.get('event') == 'start')
    assert start['origin'] == 'scratch' and 'another interface' in start['reason']
    status = json.loads(store.get(store.layout.trainer_key(interface_hash(recorded.robot()))))
    assert status['phase'] == 'left' and status['episodes']['ingested'] == 1
    assert lines[-1]['status']['updates'] == status['updates']
