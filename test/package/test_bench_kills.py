# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench kills` finds what a kill may cost: lost episodes, half releases, unverified models."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import lived_store
import pytest
from lived_store import INTERFACE
from stored import make_bundle
from tiny_bundle import make_tiny_bundle

from world_model_ros.bench import kills_checks as _kills
from world_model_ros.bench.kills import MAX_TICKS, PROCESSES, ZERO, short_contract
from world_model_ros.bench.kills_counts import Counts, TickPause
from world_model_ros.contract import find_robot, interface_hash, load_contract
from world_model_ros.releases import publish_release
from world_model_ros.store import complete_episodes, open_store, upload_episode
from world_model_ros.store.keys import latest_key, objects_prefix

ROOT = Path(__file__).resolve().parents[2]
LIVES_WITHIN_SEC = 300.0  # about 40 s on an idle machine


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / 'store', create=True)


@pytest.fixture
def sealed(tmp_path, store):
    """Three episodes on disk, two of them stored."""
    paths = [lived_store.record(tmp_path / 'episodes', number) for number in range(3)]
    for path in paths[:2]:
        upload_episode(store, path, 'arm_1', INTERFACE, ticks=lived_store.TICKS)
    found = _kills.Sealed(tmp_path / 'episodes', store)
    found.look()
    return found


def test_what_is_still_there_is_not_lost(sealed):
    assert len(sealed.on_disk) == 3 and len(sealed.stored) == 2
    assert sealed.lost() == {}
    shutil.rmtree(sealed.folder / lived_store.uuid(0))  # tidied away: the store has it
    assert sealed.lost() == {}


def test_an_episode_that_went_from_disk_before_it_was_stored_is_lost(sealed):
    shutil.rmtree(sealed.folder / lived_store.uuid(2))
    assert list(sealed.lost()) == [lived_store.uuid(2)]


def test_an_episode_that_went_from_the_store_is_lost(sealed, tmp_path):
    ref = complete_episodes(sealed.store)[0]
    shutil.rmtree(tmp_path / 'store' / ref.key)
    assert list(sealed.lost()) == [ref.uuid]


@pytest.mark.parametrize('where', ['disk', 'store'])
def test_a_damaged_episode_is_lost(sealed, tmp_path, where):
    ref = complete_episodes(sealed.store)[0]
    folder = sealed.folder / ref.uuid if where == 'disk' else tmp_path / 'store' / ref.key
    file = next(folder.glob('*.mcap'))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    assert list(sealed.lost()) == [ref.uuid]


def test_an_incomplete_episode_is_counted_and_not_damaged(tmp_path):
    path = lived_store.record(tmp_path / 'episodes', 0, status='incomplete')
    assert _kills.damage(path) == []
    figures = _kills.episode_figures([path], lived_store.ROBOT)
    assert figures['ended'] == {'incomplete': 1} and figures['recorded_ticks'] == lived_store.TICKS


def test_acting_bundles_must_be_the_first_or_published_and_whole(tmp_path, store):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    published = make_tiny_bundle(tmp_path / 'bundle', lived_store.ROBOT)
    sha = 'e' * 64
    release = publish_release(store, published, INTERFACE)
    check = [sha, store, INTERFACE]
    assert _kills.bundle_sha(published) == release.bundle_sha
    assert _kills.unverified([sha, release.bundle_sha], [0, 1], *check) == []
    assert 'never published' in _kills.unverified(['f' * 64], [0, 1], *check)[0]
    assert 'release 2' in _kills.unverified([sha], [0, 1, 2], *check)[0]
    assert _kills.pointer_problem(store, INTERFACE) == ''
    objects = tmp_path / 'store' / objects_prefix(INTERFACE, release.bundle_sha)
    victim = next(path for path in objects.iterdir() if path.name != 'manifest.json')
    victim.write_bytes(victim.read_bytes()[:-1])
    assert _kills.unverified([release.bundle_sha], [1], *check)
    assert _kills.pointer_problem(store, INTERFACE)


def test_a_published_folder_that_is_no_bundle_must_not_have_acted(tmp_path, store):
    release = publish_release(store, make_bundle(tmp_path / 'bundle'), INTERFACE)
    assert _kills.pointer_problem(store, INTERFACE) == ''  # every file is there
    assert _kills.unverified([release.bundle_sha], [1], 'e' * 64, store, INTERFACE)


def test_a_pointer_to_a_release_that_is_not_there_is_a_problem(store):
    assert _kills.pointer_problem(store, INTERFACE) == ''
    store.put(latest_key(INTERFACE), b'{"format": 1, "number": 7}')
    assert _kills.pointer_problem(store, INTERFACE)


def test_a_robot_that_made_no_tick_while_the_recorder_was_away_stalled():
    view, now_s = SimpleNamespace(ticks=7), [100.0]
    pause = TickPause(view, lambda: now_s[0])
    for ticks, at_s in ((8, 100.1), (8, 104.0), (9, 104.1), (10, 104.2)):
        view.ticks, now_s[0] = ticks, at_s
        pause.look()
    assert pause.longest_s == pytest.approx(4.0)
    counts = Counts()
    counts.back('recorder', 5.0, 0.2)
    counts.back('guard', 5.0, pause.longest_s)  # without a guard nothing moves
    assert not counts.wrong['stalled']
    counts.back('recorder', 5.0, pause.longest_s)
    assert counts.wrong['stalled'] == ['recorder, kill 2: no tick for 4.0 s']
    assert counts.figures()['pause_s']['recorder'] == {'p50': 2.1, 'max': 4.0}


@pytest.mark.parametrize('robot', ['cartpole', 'reacher'])
def test_a_contract_with_short_episodes_keeps_its_interface(tmp_path, robot):
    contract = load_contract(short_contract(robot, tmp_path))
    assert contract.episode.max_ticks == MAX_TICKS
    assert interface_hash(contract) == interface_hash(load_contract(find_robot(robot)))


def trained(folder, *rows, written, note=None):
    (folder / 'replay').mkdir(parents=True)
    lines = [{'format': 1}, *({'uuid': u, 'state': s, 'ticks': n} for u, s, n in rows)]
    (folder / 'ledger.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    replay = {'written': written, 'note': json.dumps(note) if note else ''}
    (folder / 'replay' / 'replay.json').write_text(json.dumps(replay))
    return folder


def test_a_ledger_must_agree_with_replay_and_store(tmp_path):
    rows = [('a', 'ingested', 5), ('b', 'held_out', 7), ('c', 'ingested', 6)]
    good = trained(tmp_path / 'good', *rows, written=11)
    assert _kills.ledger_problems(good, {'a', 'b', 'c'}) == []
    assert 'c' in _kills.ledger_problems(good, {'a', 'b'})[0]
    # Killed between replay and ledger: the note stands for the line that the next start writes.
    note = {'uuid': 'd', 'ticks': 4}
    between = trained(tmp_path / 'between', *rows, written=15, note=note)
    assert _kills.ledger_problems(between, {'a', 'b', 'c'}) == []
    less = trained(tmp_path / 'less', *rows, written=10)
    assert 'the ledger has 11' in _kills.ledger_problems(less, {'a', 'b', 'c'})[0]
    twice = trained(tmp_path / 'twice', *rows, rows[0], written=16)
    assert '2 lines' in _kills.ledger_problems(twice, {'a', 'b', 'c'})[0]


@pytest.mark.ros
@pytest.mark.xdist_group('patient')
def test_kills_of_what_the_robot_can_do_without_cost_nothing(tmp_path):
    for name in ('rclpy', 'torch', 'mujoco', 'onnxruntime'):
        pytest.importorskip(name)
    names = ('recorder', 'trainer')
    assert set(names) < set(PROCESSES)
    line = [sys.executable, '-m', 'world_model_ros.cli.main', 'bench', 'kills', '--rounds', '1']
    line += [word for name in names for word in ('--process', name)]
    line += ['--keep', str(tmp_path), '--json']
    environment = {
        **os.environ,
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'MUJOCO_GL': 'egl',
    }
    done = subprocess.run(
        line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIVES_WITHIN_SEC
    )
    assert done.returncode == 0, done.stderr[-4000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {name: figures[name] for name in ZERO} == dict.fromkeys(ZERO, 0), figures['problems']
    assert figures['kills'] == dict.fromkeys(names, 1)
    assert set(figures['back_s']) == set(names)
    assert figures['sealed'] and figures['stored'] and figures['sent']
