# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes up and down: only whole ones are seen, damage is named, nothing is sent twice."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import stored
from stored import INTERFACE

from world_model_ros.store import (
    StoreDamaged,
    StoreError,
    complete_episodes,
    download_episode,
    open_store,
    upload_episode,
)

FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'store_format1'


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / 'store', create=True)


@pytest.fixture
def episode(tmp_path):
    return stored.make_episode(tmp_path / 'recorded' / 'uuid-1')


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_episode_comes_back_as_it_went(store, episode, tmp_path):
    assert upload_episode(store, episode, 'arm_07', INTERFACE, ticks=5)
    (ref,) = complete_episodes(store, INTERFACE)
    back = download_episode(store, ref, tmp_path / 'back')

    assert (ref.uuid, ref.robot_id, ref.interface_hash) == ('uuid-1', 'arm_07', INTERFACE)
    assert ref.key == f'episodes/{INTERFACE}/arm_07/{ref.date}/uuid-1'
    assert back == tmp_path / 'back' / 'uuid-1' and contents(back) == contents(episode)
    assert json.loads(store.get(f'{ref.key}/complete.json'))['ticks'] == 5


def test_an_episode_is_uploaded_once(store, episode):
    assert upload_episode(store, episode, 'arm_07', INTERFACE)
    before = {entry.key: store.get(entry.key) for entry in store.list('')}
    assert not upload_episode(store, episode, 'arm_07', INTERFACE)
    assert {entry.key: store.get(entry.key) for entry in store.list('')} == before


def test_a_half_copied_episode_does_not_exist(store, episode, tmp_path):
    killed = stored.run(
        'from stored import *; from world_model_ros.store import *\n'
        'store = Interrupted(open_store(sys.argv[1]), 2, "after")\n'
        'upload_episode(store, sys.argv[2], "arm_07", INTERFACE)',
        store.folder,
        episode,
    )
    assert killed.returncode == -9
    assert len(store.list('episodes')) == 2  # every file is there, the last word is not
    assert complete_episodes(store) == []

    assert upload_episode(store, episode, 'arm_07', INTERFACE)
    (ref,) = complete_episodes(store)
    assert contents(download_episode(store, ref, tmp_path / 'back')) == contents(episode)


def test_episodes_of_all_interfaces_are_found(store, episode, tmp_path):
    other = stored.make_episode(tmp_path / 'recorded' / 'uuid-2', seed=1)
    upload_episode(store, episode, 'arm_07', INTERFACE)
    upload_episode(store, other, 'arm_08', 'b' * 64)
    assert [ref.uuid for ref in complete_episodes(store)] == ['uuid-1', 'uuid-2']
    assert [ref.uuid for ref in complete_episodes(store, 'b' * 64)] == ['uuid-2']
    assert complete_episodes(store, 'c' * 64) == []


@pytest.mark.parametrize('part', ['interface', 'robot', 'date', 'uuid'])
def test_a_copy_under_a_name_that_is_no_key_is_not_listed(store, episode, part):
    upload_episode(store, episode, 'arm_07', INTERFACE)
    (ref,) = complete_episodes(store)
    parts = ref.key.split('/')
    parts[['interface', 'robot', 'date', 'uuid'].index(part) + 1] += ' 12:30'
    shutil.copytree(store.folder / ref.key, store.folder.joinpath(*parts))
    assert complete_episodes(store) == [ref]


def test_a_damaged_file_is_named_and_leaves_no_episode(store, episode, tmp_path):
    upload_episode(store, episode, 'arm_07', INTERFACE)
    (ref,) = complete_episodes(store)
    path = store.folder / ref.key / 'uuid-1.mcap'
    damaged = bytearray(path.read_bytes())
    damaged[500] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(
        StoreDamaged, match=r'uuid-1\.mcap: damaged in the store: sha256'
    ) as caught:
        download_episode(store, ref, tmp_path / 'back')
    assert caught.value.key == f'{ref.key}/uuid-1.mcap'
    assert not (tmp_path / 'back' / 'uuid-1').exists()

    path.write_bytes((episode / 'uuid-1.mcap').read_bytes())
    assert contents(download_episode(store, ref, tmp_path / 'back')) == contents(episode)


def test_a_file_missing_from_a_complete_episode_is_named(store, episode, tmp_path):
    upload_episode(store, episode, 'arm_07', INTERFACE)
    (ref,) = complete_episodes(store)
    store.delete(f'{ref.key}/metadata.yaml')
    with pytest.raises(StoreError, match=r'metadata\.yaml: no such object'):
        download_episode(store, ref, tmp_path / 'back')


@pytest.mark.parametrize(
    ('record', 'words'),
    [
        ('{"format": 2}', 'format 2'),
        ('{', 'not JSON'),
        ('{"format": 1}', 'files'),
        ('{"format": 1, "files": {"../../x": {"size": 1, "sha256": "%s"}}}' % ('0' * 64), 'x'),
        ('{"format": 1, "files": {"x": {"size": -1, "sha256": "%s"}}}' % ('0' * 64), 'size -1'),
        ('{"format": 1, "files": {"x": {"size": 1, "sha256": "0"}}}', 'sha256'),
        ('{"format": 1, "files": {"x": 5}}', 'size'),
    ],
)
def test_a_record_that_says_nonsense_is_refused(store, episode, tmp_path, record, words):
    upload_episode(store, episode, 'arm_07', INTERFACE)
    (ref,) = complete_episodes(store)
    store.put(f'{ref.key}/complete.json', record.encode())
    with pytest.raises(StoreDamaged, match=rf'complete\.json: .*{words}'):
        download_episode(store, ref, tmp_path / 'back')
    assert not (tmp_path / 'back').exists()


def test_an_interrupted_download_goes_on(store, episode, tmp_path):
    upload_episode(store, episode, 'arm_07', INTERFACE)
    (ref,) = complete_episodes(store)
    staging = tmp_path / 'back' / 'uuid-1.part'
    staging.mkdir(parents=True)
    (staging / 'metadata.yaml').write_text('half')
    (staging / 'uuid-1.mcap').write_bytes((episode / 'uuid-1.mcap').read_bytes())
    (staging / 'stranger').write_text('x')
    inode = (staging / 'uuid-1.mcap').stat().st_ino
    back = download_episode(store, ref, tmp_path / 'back')
    assert contents(back) == contents(episode)
    assert (back / 'uuid-1.mcap').stat().st_ino == inode  # not fetched again
    assert download_episode(store, ref, tmp_path / 'back') == back


@pytest.mark.parametrize('robot_id', ['', 'a/b', '..'])
def test_a_robot_without_a_usable_name_is_refused(store, episode, robot_id):
    with pytest.raises(StoreError, match='robot_id'):
        upload_episode(store, episode, robot_id, INTERFACE)
    assert store.list('episodes') == []


def test_a_store_that_vanishes_during_an_upload_costs_nothing(store, episode, tmp_path):
    os.rename(store.folder, tmp_path / 'away')
    with pytest.raises(StoreError, match='no such folder'):
        upload_episode(store, episode, 'arm_07', INTERFACE)
    os.rename(tmp_path / 'away', store.folder)
    assert upload_episode(store, episode, 'arm_07', INTERFACE)


def test_an_episode_that_is_gone_or_empty_is_named(store, tmp_path):
    with pytest.raises(StoreError, match='gone'):
        upload_episode(store, tmp_path / 'gone', 'arm_07', INTERFACE)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(StoreError, match='empty'):
        upload_episode(store, tmp_path / 'empty', 'arm_07', INTERFACE)


def test_episodes_of_a_format_1_store_are_still_read(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / 'store')
    store = open_store(tmp_path / 'store')
    (ref,) = complete_episodes(store)
    assert (ref.uuid, ref.robot_id) == ('uuid-1', 'arm_07')
    back = download_episode(store, ref, tmp_path / 'back')
    assert (back / 'uuid-1.mcap').read_bytes() == b'messages'
