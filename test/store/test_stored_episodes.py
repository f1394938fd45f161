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
from world_model_ros.store.episode_store import StoreConflict, day_of, list_episodes

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
    assert ref.key == f'robots/arm_07/episodes/{INTERFACE}/{ref.date}/uuid-1'
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
    assert len(store.list('robots')) == 2  # every file is there, the last word is not
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
    parts[['', 'robot', '', 'interface', 'date', 'uuid'].index(part)] += ' 12:30'
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
        ('{"format": 3}', 'format 3'),
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
    assert store.list('robots') == []


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


# ---- format 2, and what lies there already -------------------------------------------------

FIXTURE2 = FIXTURE.with_name('store_format2')
DAY_NS = 86_400 * 10**9


def test_episodes_of_a_format_2_store_are_read(tmp_path):
    shutil.copytree(FIXTURE2, tmp_path / 'store')
    store = open_store(tmp_path / 'store')
    complete, begun = list_episodes(store)
    [ref], [half] = complete, begun
    assert ref.key == f'robots/arm_07/episodes/{INTERFACE}/2026-11-22/uuid-1'
    assert (ref.uuid, ref.robot_id, ref.date, half.uuid) == (
        'uuid-1',
        'arm_07',
        '2026-11-22',
        'uuid-2',
    )
    back = download_episode(store, ref, tmp_path / 'back')
    assert (back / 'uuid-1.mcap').read_bytes() == b'messages'
    assert store.get('robots/arm_07/status/updater.json')
    assert store.get(f'trainer/{INTERFACE}/trainer.json')


def test_a_store_keeps_the_format_that_it_was_made_with(episode, tmp_path):
    shutil.copytree(FIXTURE, tmp_path / 'store')
    store = open_store(tmp_path / 'store', create=True)
    assert store.layout.format == 1
    assert upload_episode(store, episode, 'arm_08', INTERFACE, started_ns=DAY_NS)
    key = f'episodes/{INTERFACE}/arm_08/1970-01-02/uuid-1'
    assert [ref.key for ref in complete_episodes(store) if ref.robot_id == 'arm_08'] == [key]
    assert open_store(tmp_path / 'new', create=True).layout.format == 2


def test_what_version_0_1_shipped_under_the_day_of_the_files_is_not_sent_again(episode, tmp_path):
    shutil.copytree(FIXTURE, tmp_path / 'store')
    store = open_store(tmp_path / 'store')
    for path in episode.iterdir():
        os.utime(path, ns=(5 * DAY_NS, 5 * DAY_NS))
    assert upload_episode(store, episode, 'arm_08', INTERFACE, started_ns=5 * DAY_NS)
    assert not upload_episode(store, episode, 'arm_08', INTERFACE, started_ns=4 * DAY_NS)
    for path in episode.iterdir():  # touched since: its own start is what counts
        os.utime(path, ns=(9 * DAY_NS, 9 * DAY_NS))
    assert not upload_episode(store, episode, 'arm_08', INTERFACE, started_ns=5 * DAY_NS)
    assert len([ref for ref in complete_episodes(store) if ref.robot_id == 'arm_08']) == 1


def test_changed_file_times_change_no_key(store, episode):
    assert upload_episode(store, episode, 'arm_07', INTERFACE, started_ns=5 * DAY_NS)
    for path in episode.iterdir():
        os.utime(path, ns=(9 * DAY_NS, 9 * DAY_NS))
    assert not upload_episode(store, episode, 'arm_07', INTERFACE, started_ns=5 * DAY_NS)
    assert [ref.date for ref in complete_episodes(store)] == ['1970-01-06']


@pytest.mark.parametrize('started_ns', [0, -5, 1 << 62, 1 << 80, 1_795_305_600_000_000_000])
def test_any_start_has_a_day(started_ns):
    day = day_of(started_ns)
    assert len(day) == 10 and day >= '1970-01-01'


FOREIGN = {
    'a complete.json of somebody': {'complete.json': b'{"format": 1, "files": {}}'},
    'a complete.json of other files': {
        'complete.json': b'{"format": 1, "files": {"x": {"size": 1, "sha256": "%s"}}}'
        % (b'0' * 64)
    },
    'garbage as complete.json': {'complete.json': b'\xff' * 100},
    'a file of ours with other content': {'uuid-1.mcap': b'not ours'},
    'a file of ours of the same size': {'uuid-1.mcap': bytes(100_000)},
}


@pytest.mark.parametrize('what', FOREIGN)
def test_what_somebody_put_there_first_stays_and_keeps_nothing_back(
    store, episode, tmp_path, what
):
    prefix = store.layout.episode_prefix(INTERFACE, 'arm_07', '1970-01-01', 'uuid-1')
    for name, content in FOREIGN[what].items():
        store.put(f'{prefix}/{name}', content)
    assert upload_episode(store, episode, 'arm_07', INTERFACE)
    assert not upload_episode(store, episode, 'arm_07', INTERFACE)
    for name, content in FOREIGN[what].items():
        assert store.get(f'{prefix}/{name}') == content
    [ref] = [ref for ref in complete_episodes(store) if ref.uuid.startswith('uuid-1.')]
    assert contents(download_episode(store, ref, tmp_path / 'back')) == contents(episode)


def test_where_both_names_are_taken_it_is_said(store, episode):
    prefix = store.layout.episode_prefix(INTERFACE, 'arm_07', '1970-01-01', 'uuid-1')
    store.put(f'{prefix}/complete.json', b'foreign')
    upload_episode(store, episode, 'arm_07', INTERFACE)
    [ref] = [ref for ref in complete_episodes(store) if ref.uuid.startswith('uuid-1.')]
    store.put(f'{ref.key}/complete.json', b'foreign, too')
    with pytest.raises(StoreConflict, match='other content'):
        upload_episode(store, episode, 'arm_07', INTERFACE)
    assert store.get(f'{ref.key}/complete.json') == b'foreign, too'


def test_only_the_days_that_are_asked_for_are_listed(store, tmp_path, monkeypatch):
    for day in (1, 2, 3):
        folder = stored.make_episode(tmp_path / 'recorded' / f'uuid-{day}', seed=day)
        upload_episode(store, folder, 'arm_07', INTERFACE, started_ns=day * DAY_NS)
    listed = []
    each = type(store).list
    monkeypatch.setattr(
        type(store), 'list', lambda self, prefix: listed.append(prefix) or each(self, prefix)
    )
    complete, _ = list_episodes(store, INTERFACE, since={'arm_07': '1970-01-03'})
    assert [ref.uuid for ref in complete] == ['uuid-2', 'uuid-3']
    assert all(prefix.endswith(('1970-01-03', '1970-01-04')) for prefix in listed)


def test_a_download_neither_follows_nor_removes_what_is_not_its_own(store, episode, tmp_path):
    upload_episode(store, episode, 'arm_07', INTERFACE)
    (ref,) = complete_episodes(store)
    outside = tmp_path / 'outside'
    outside.mkdir()
    (outside / 'mine.txt').write_text('years')
    for name in ('uuid-1', 'uuid-1.part'):
        back = tmp_path / f'back_{name}'
        back.mkdir()
        (back / name).symlink_to(outside)
        with pytest.raises(StoreError, match='link'):
            download_episode(store, ref, back)
    back = tmp_path / 'back'
    (back / 'uuid-1' / 'deeper').mkdir(parents=True)
    (back / 'uuid-1' / 'mine.txt').write_text('years')
    assert contents(download_episode(store, ref, back)) == contents(episode)
    assert (back / 'uuid-1.aside-1' / 'mine.txt').read_text() == 'years'
    assert (outside / 'mine.txt').read_text() == 'years'
