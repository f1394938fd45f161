# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a store may lose: only what is ours, old, and named by nobody."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
import stored
from stored import INTERFACE
from typer.testing import CliRunner

from world_model_ros.cli.store import app
from world_model_ros.releases import publish_release
from world_model_ros.releases.gc import KEEP_RELEASES, collect, find_garbage
from world_model_ros.store import open_store, upload_episode

LATER = datetime.now(timezone.utc) + timedelta(days=100)  # everything is old then


@pytest.fixture(params=[1, 2])
def store(tmp_path, request):
    store = open_store(tmp_path / 'store')
    store.begin(request.param)
    return store


def keys(store) -> set[str]:
    return {entry.key for entry in store.list('')}


def test_old_episodes_go_and_young_ones_and_strangers_stay(store, tmp_path):
    day_ns = 86_400 * 10**9
    for name, day in (('old', 10), ('young', 30_000)):
        folder = stored.make_episode(tmp_path / name)
        upload_episode(store, folder, 'arm_07', INTERFACE, started_ns=day * day_ns)
    store.put('robots/notes.txt', b'mine')
    store.put('episodes/notes.txt', b'mine')
    before = keys(store)
    assert find_garbage(store).in_order() == []  # the store's clock says: of today
    garbage = find_garbage(store, now=LATER)
    [prefix] = garbage.episodes
    assert prefix.endswith('/1970-01-11/old') and keys(store) == before
    assert garbage.in_order()[0].endswith('complete.json')
    gone = collect(store, garbage)
    assert len(gone) == 3 and keys(store) == before - set(gone)
    assert find_garbage(store, now=LATER).in_order() == []


def publish(store, tmp_path, count):
    return [
        publish_release(store, stored.make_bundle(tmp_path / f'bundle{k}', k), INTERFACE)
        for k in range(count)
    ]


def test_bundles_that_a_newer_release_or_a_robot_names_stay(store, tmp_path):
    made = publish(store, tmp_path, KEEP_RELEASES + 4)
    status = json.dumps({'acting': {'bundle_sha': made[1].bundle_sha}}).encode()
    store.put(store.layout.status_key('arm_07', 'updater'), status)
    orphan = f'releases/{INTERFACE}/objects/{"e" * 64}/weights.bin'
    store.put(orphan, b'of a publisher that died')
    store.put(f'releases/{INTERFACE}/objects/notes/x', b'mine')
    garbage = find_garbage(store, now=LATER)
    told = {prefix.rpartition('/')[2] for prefix in garbage.bundles}
    assert told == {made[0].bundle_sha, made[2].bundle_sha, made[3].bundle_sha, 'e' * 64}
    collect(store, garbage)
    left = keys(store)
    assert orphan not in left and f'releases/{INTERFACE}/objects/notes/x' in left
    assert f'releases/{INTERFACE}/00000001.json' in left  # numbers are never used again


def test_where_a_record_cannot_be_read_nothing_that_it_may_name_goes(store, tmp_path):
    publish(store, tmp_path, KEEP_RELEASES + 2)
    store.put(f'releases/{INTERFACE}/00000002.json', b'{"format": 1, "damaged": true}')
    garbage = find_garbage(store, now=LATER)
    assert not garbage.bundles and 'cannot be read' in garbage.kept[0]


def test_the_command_shows_first_and_deletes_only_when_it_is_told(tmp_path):
    run = CliRunner(env={'COLUMNS': '400'}).invoke
    url = str(tmp_path / 'store')
    assert run(app, ['gc', url]).exit_code == 1  # no store, and none is made
    assert not (tmp_path / 'store').exists()
    made = run(app, ['create', url, '--json'])
    assert json.loads(made.output) == {'url': url, 'format': 2}
    assert 'a store of format 2' in run(app, ['create', url]).output
    told = json.loads(run(app, ['gc', url, '--json']).output)
    assert (told['objects'], told['deleted']) == (0, 0)
