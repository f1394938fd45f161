# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Objects in a real folder: round trips, and every way in which a store can be gone."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from world_model_ros.store import StoreError, StoreMissing, open_store
from world_model_ros.store.keys import RecordError, check_name


@contextmanager
def small_disk(folder: Path, size: str):
    """A tmpfs of a few kilobytes mounted at a folder."""
    folder.mkdir()
    line = ['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(folder)]
    if os.geteuid() != 0 or subprocess.run(line, capture_output=True, check=False).returncode:
        pytest.skip('mounting a small tmpfs is not allowed here')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=False)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / 'the store', create=True)


@pytest.mark.parametrize('url', ['path', 'file', 'memory'])
def test_objects_come_back_as_they_went(url, tmp_path):
    folder = tmp_path / 'a store'
    store = open_store(
        {'path': folder, 'file': folder.as_uri(), 'memory': 'memory://'}[url], create=True
    )
    store.put('a/b/one.json', b'1')
    store.put('a/b/one.json', b'11')
    source = tmp_path / 'source'
    source.write_bytes(bytes(range(256)) * 40_000)  # larger than one chunk
    store.put_file('a/two', source)
    store.get_file('a/two', tmp_path / 'back', 1 << 30)

    assert store.get('a/b/one.json') == b'11'
    assert (tmp_path / 'back').read_bytes() == source.read_bytes()
    assert not (tmp_path / 'back.part').exists()
    assert store.list('a') == [('a/b/one.json', 2), ('a/two', 10_240_000)]
    assert store.list('a/b') == [('a/b/one.json', 2)]
    assert store.list('nothing') == []
    assert store.exists('a/two') and not store.exists('a')
    assert not store.put_new('a/two', b'other') and store.put_new('a/three', b'3')
    assert store.get('a/three') == b'3'
    store.delete('a/two')
    store.delete('a/two')
    assert not store.exists('a/two')


def test_a_missing_object_is_told_from_a_missing_store(store):
    with pytest.raises(StoreMissing) as caught:
        store.get('a/b')
    assert (caught.value.url, caught.value.key) == (store.url, 'a/b')
    assert 'no such object' in str(caught.value)


def test_a_file_that_cannot_be_read_is_no_missing_object(store, tmp_path):
    with pytest.raises(StoreError, match='nowhere') as caught:
        store.put_file('a/b', tmp_path / 'nowhere')
    assert not isinstance(caught.value, StoreMissing)


def test_a_store_that_vanishes_is_an_error_at_every_call_and_works_when_it_is_back(
    store, tmp_path
):
    store.put('a/b', b'1')
    os.rename(store.folder, tmp_path / 'away')
    calls = [
        lambda: store.get('a/b'),
        lambda: store.put('a/c', b'2'),
        lambda: store.put_new('a/c', b'2'),
        lambda: store.list('a'),
        lambda: store.exists('a/b'),
        lambda: store.delete('a/b'),
        lambda: store.get_file('a/b', tmp_path / 'file', 100),
    ]
    for call in calls:
        with pytest.raises(StoreError, match='no such folder') as caught:
            call()
        assert not isinstance(caught.value, StoreMissing)
    assert not store.folder.exists()  # nothing was made in its place

    os.rename(tmp_path / 'away', store.folder)
    assert store.get('a/b') == b'1'
    store.put('a/c', b'2')
    assert [entry.key for entry in store.list('a')] == ['a/b', 'a/c']


def test_the_empty_mount_point_of_a_store_is_not_filled(store, tmp_path):
    store.put('a/b', b'1')
    os.rename(store.folder, tmp_path / 'away')
    store.folder.mkdir()
    with pytest.raises(StoreError, match='is the disk mounted'):
        store.put('a/c', b'2')
    with pytest.raises(StoreError, match='is the disk mounted'):
        store.list('a')
    assert list(store.folder.iterdir()) == []


def test_a_store_that_was_not_begun_is_named(tmp_path):
    store = open_store(tmp_path / 'nothing')
    with pytest.raises(StoreError, match=r'nothing: .*no such folder'):
        store.list('')
    open_store(tmp_path / 'nothing', create=True).put('a', b'1')
    assert store.get('a') == b'1'


@pytest.mark.parametrize('content', [b'{"format": 3}', b'{"format": true}', b'[1]', b'', b'\xff'])
def test_a_store_of_another_format_is_refused_by_name(store, content):
    (store.folder / 'format').write_bytes(content)
    for call in (
        lambda: store.get('a'),
        lambda: store.put('a', b'1'),
        lambda: open_store(store.folder, create=True),
    ):
        with pytest.raises(StoreError, match=r'format: (format|not JSON)'):
            call()
    assert os.listdir(store.folder) == ['format']


def test_the_other_format_is_said_with_its_number(store):
    (store.folder / 'format').write_text('{"format": 7}')
    with pytest.raises(StoreError, match='format 7: this version reads format 1 and 2'):
        store.list('')


@pytest.mark.parametrize('url', ['ftp://host/x', 's3://', 'file://', 'az://account/container'])
def test_a_url_that_leads_nowhere_is_refused(url):
    with pytest.raises(StoreError, match=url.split(':')[0]):
        open_store(url)


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(StoreError, match='file'):
        open_store(tmp_path / 'file', create=True)
    with pytest.raises(StoreError, match='no such folder'):
        open_store(tmp_path / 'file').list('')


@pytest.mark.parametrize('key', ['a/../b', 'a//b', 'a/x#1', ''])
def test_keys_that_a_folder_cannot_hold_are_errors_of_the_store(store, key):
    with pytest.raises(StoreError):
        store.put(key, b'1')


@pytest.mark.parametrize('name', ['', '.', '..', 'a/b', 'a\\b', 'a#12', 'a\n', 'x' * 300, 5])
def test_names_that_would_leave_their_place_are_refused(name):
    with pytest.raises(RecordError, match='robot_id'):
        check_name(name, 'robot_id')


def test_a_really_full_disk_is_said_and_the_store_works_once_there_is_room(tmp_path):
    with small_disk(tmp_path / 'disk', '256k') as disk:
        store = open_store(disk / 'store', create=True)
        store.put('keep', b'1')
        source = tmp_path / 'large'
        source.write_bytes(os.urandom(400_000))
        for call in (
            lambda: store.put('large', source.read_bytes()),
            lambda: store.put_file('large', source),
        ):
            with pytest.raises(StoreError, match='No space left'):
                call()
            assert not store.exists('large')
        store.put('small', b'2')  # what was half written is gone
        assert [entry.key for entry in store.list('')] == ['format', 'keep', 'small']


def test_a_full_disk_on_this_side_is_said_with_the_file(store, tmp_path):
    store.put('large', os.urandom(400_000))
    with small_disk(tmp_path / 'disk', '256k') as disk:
        with pytest.raises(StoreError, match=r'large: .*No space left'):
            store.get_file('large', disk / 'file', 1 << 20)
        assert not (disk / 'file').exists()


def test_a_disk_that_became_read_only_is_said_and_still_read(tmp_path):
    with small_disk(tmp_path / 'disk', '1m') as disk:
        store = open_store(disk / 'store', create=True)
        store.put('a', b'1')
        subprocess.run(['mount', '-o', 'remount,ro', str(disk)], check=True)
        with pytest.raises(StoreError, match='Read-only file system'):
            store.put('b', b'2')
        assert store.get('a') == b'1'
        subprocess.run(['mount', '-o', 'remount,rw', str(disk)], check=True)
        store.put('b', b'2')


def test_what_a_killed_writer_left_behind_is_not_listed(store):
    store.put('a/b', b'1')
    (store.folder / 'a' / 'c#1').write_bytes(b'half')  # as obstore stages its writes
    assert store.list('a') == [('a/b', 1)]
    store.put('a/c', b'whole')
    assert store.get('a/c') == b'whole'
