# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a store holds is taken up to its cap and no further; secrets in URLs are not shown."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.store import StoreDamaged, StoreError, open_store
from world_model_ros.store.episode_store import EpisodeRef, download_episode
from world_model_ros.store.folders import fetch_folder
from world_model_ros.store.read_limits import FOLDER_FILES, TooLarge, check_room, limited
from world_model_ros.store.redact import redact

REF = EpisodeRef('episodes/i/r/2026-01-01/u', 'u', 'r', '2026-01-01', 'i')
SHA = '0' * 64


@pytest.fixture()
def store(tmp_path):
    return open_store(tmp_path / 'store', create=True)


def claim(store, **sizes) -> None:
    files = {name: {'sha256': SHA, 'size': size} for name, size in sizes.items()}
    store.put(f'{REF.key}/complete.json', json.dumps({'format': 1, 'files': files}).encode())


def test_an_object_larger_than_its_record_says_is_refused_before_it_is_fetched(store, tmp_path):
    claim(store, big=1)
    store.put(f'{REF.key}/big', bytes(4 << 20))
    with pytest.raises(StoreDamaged, match=r'4194304 bytes, at most 1'):
        download_episode(store, REF, tmp_path / 'in')
    assert [path.name for path in (tmp_path / 'in').rglob('*') if path.is_file()] == []


def test_a_store_that_lies_about_a_size_ends_at_the_cap():
    seen = []

    def endless():
        while True:
            seen.append(1)
            yield bytes(1000)

    with pytest.raises(TooLarge):
        list(limited(endless(), 10_000, announced=1))
    assert len(seen) == 11


def test_a_huge_record_is_refused_unread(store):
    store.put(f'{REF.key}/complete.json', b'[' * (2 << 20))
    with pytest.raises(StoreDamaged, match='too large'):
        store.get(f'{REF.key}/complete.json')


def test_a_folder_of_too_many_files_or_bytes_is_refused(store, tmp_path):
    files = {f'f{k}': {'sha256': SHA, 'size': 1} for k in range(FOLDER_FILES + 1)}
    with pytest.raises(StoreDamaged, match='files'):
        fetch_folder(store, REF.key, files, tmp_path / 'in', 1 << 20)
    with pytest.raises(StoreDamaged, match='bytes'):
        fetch_folder(store, REF.key, {'f': {'sha256': SHA, 'size': 11}}, tmp_path / 'in', 10)
    assert not list(tmp_path.glob('in*'))


def test_nothing_is_fetched_where_the_disk_has_no_room(store, tmp_path):
    with pytest.raises(OSError, match='No space left') as caught:
        check_room(tmp_path, 1 << 60)
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(StoreError, match='No space left'):
        fetch_folder(
            store, REF.key, {'f': {'sha256': SHA, 'size': 1 << 60}}, tmp_path / 'in', 1 << 61
        )


@pytest.mark.parametrize('kind', ['link', 'pipe'])
def test_what_is_no_plain_file_in_a_folder_is_no_object(store, tmp_path, kind):
    path = Path(store.url) / 'a'
    if kind == 'link':
        (tmp_path / 'secret').write_text('secret')
        path.symlink_to(tmp_path / 'secret')
    else:
        os.mkfifo(path)
    with pytest.raises(StoreDamaged, match='not a plain file'):
        store.get('a')
    with pytest.raises(StoreDamaged, match='not a plain file'):
        store.get_file('a', tmp_path / 'back', 100)


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('s3://KEY:topsecret@bucket/p', 's3://***@bucket/p'),
        ('at https://h/o?X-Amz-Signature=topsecret&b=1: 403', 'at https://h/o?***'),
        ('S3 { secret_access_key: "topsecret", x: 1 }', 'S3 { secret_access_key: "***", x: 1 }'),
        ('Authorization: Bearer topsecret.topsecret', 'Authorization: Bearer ***'),
        ('/data/store', '/data/store'),
        ('s3://bucket/prefix: a/b: no such object', 's3://bucket/prefix: a/b: no such object'),
    ],
)  # fmt: skip
def test_secrets_are_not_shown(text, shown):
    assert redact(text).startswith(shown)
    assert 'topsecret' not in redact(text)
    assert 'topsecret' not in str(StoreError(text, 'k', text))


@given(st.text(max_size=200))
def test_redaction_takes_any_text(text):
    assert isinstance(redact(redact(text)), str)
