# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Records are external data: whatever comes, they are read, or refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.releases.plain import latest_release
from world_model_ros.store import StoreDamaged, StoreMissing, open_store
from world_model_ros.store.keys import (
    RecordError,
    check_name,
    files_of,
    from_json,
    latest_key,
    record_key,
    record_number,
)

SHA = 'a' * 64
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(SHA),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FILES = st.dictionaries(
    st.text() | st.just('manifest.json'),
    JSON | st.fixed_dictionaries({'sha256': JSON, 'size': JSON}),
    max_size=3,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_record_of_format_1_or_refused(content):
    try:
        record = from_json(content)
    except RecordError:
        return
    assert record['format'] == 1


def test_a_record_nested_without_end_is_refused():
    with pytest.raises(RecordError, match='not JSON'):
        from_json(b'[' * 200_000)


@given(st.text())
def test_an_accepted_name_stays_in_its_folder(name):
    try:
        check_name(name, 'file')
    except RecordError:
        return
    assert Path('/folder', name).parent == Path('/folder') and name not in ('.', '..')


@given(FILES | JSON)
def test_an_accepted_table_of_files_can_be_fetched(files):
    try:
        table = files_of({'files': files})
    except RecordError:
        return
    for name, entry in table.items():
        assert check_name(name, 'file') and entry['size'] >= 0 and len(entry['sha256']) == 64


@given(
    st.fixed_dictionaries(
        {},
        optional={
            'format': st.just(1) | JSON,
            'number': st.just(1) | JSON,
            'bundle_sha': st.just(SHA) | JSON,
            'files': st.just({'manifest.json': {'sha256': SHA, 'size': 3}}) | FILES | JSON,
            'published': JSON,
            'published_ns': st.just(5) | JSON,
            'episodes': JSON,
            'episode_count': JSON,
            'updates': JSON,
            'gate': JSON,
            'note': JSON,
        },
    )
)
def test_any_release_record_is_read_or_said_to_be_damaged(record):
    store = open_store('memory://')
    store.put(latest_key('i'), b'{"format": 1, "number": 1}')
    store.put(record_key('i', 1), json.dumps(record).encode())
    try:
        release = latest_release(store, 'i')
    except StoreDamaged as error:
        assert error.key == record_key('i', 1)
        return
    assert release.number == 1 and release.bundle_sha == SHA


@given(st.integers())
def test_any_pointer_leads_to_a_release_or_is_said_to_be_wrong(number):
    store = open_store('memory://')
    store.put(latest_key('i'), json.dumps({'format': 1, 'number': number}).encode())
    with pytest.raises((StoreDamaged, StoreMissing)):
        latest_release(store, 'i')


@given(st.integers(min_value=1, max_value=10**12))
def test_a_records_key_and_number_are_one_to_one(number):
    assert record_number(record_key('i', number)) == number
