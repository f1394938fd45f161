# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Releases down: a publisher killed anywhere leaves the pointer at a whole release."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
import stored
from stored import INTERFACE

from world_model_ros.releases import fetch_release, latest_release, publish_release, releases
from world_model_ros.store import StoreDamaged, StoreError, open_store
from world_model_ros.store.folders import sha256_of
from world_model_ros.store.keys import latest_key, objects_prefix, record_key

FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'store_format1'
WRITES = 5  # of a publication: three files, the record, the pointer
PUBLISH_AND_DIE = """
from stored import *; from world_model_ros.releases import *; from world_model_ros.store import *
store = Interrupted(open_store(sys.argv[1]), int(sys.argv[3]), sys.argv[4])
publish_release(store, sys.argv[2], INTERFACE)
"""
PUBLISH_FOR_EVER = """
from stored import *; from world_model_ros.releases import *; from world_model_ros.store import *
from pathlib import Path
store, seed = open_store(sys.argv[1]), int(sys.argv[3])
while True:
    seed += 1
    release = publish_release(store, make_bundle(Path(sys.argv[2]), seed), INTERFACE)
    print(release.number, flush=True)
"""


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / 'store', create=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_release_comes_back_as_it_went(store, tmp_path):
    bundle = stored.make_bundle(tmp_path / 'bundle')
    assert latest_release(store, INTERFACE) is None and releases(store, INTERFACE) == []
    published = publish_release(
        store,
        bundle,
        INTERFACE,
        episodes=['uuid-1', 'uuid-2'],
        updates=70,
        gate={'open_loop_15': 0.25},
        note='first',
    )
    assert latest_release(store, INTERFACE) == published
    assert (published.number, published.episode_count, published.updates) == (1, 2, 70)
    assert published.bundle_sha == sha256_of(bundle / 'manifest.json')
    back = fetch_release(store, published, tmp_path / 'slots' / published.bundle_sha)
    assert contents(back) == contents(bundle)
    assert latest_release(store, 'b' * 64) is None


def test_the_same_bundle_is_published_once_and_another_gets_the_next_number(store, tmp_path):
    bundle = stored.make_bundle(tmp_path / 'bundle')
    first = publish_release(store, bundle, INTERFACE)
    before = [(entry, store.get(entry.key)) for entry in store.list('')]
    assert publish_release(store, bundle, INTERFACE, note='again') == first
    assert [(entry, store.get(entry.key)) for entry in store.list('')] == before

    second = publish_release(store, stored.make_bundle(tmp_path / 'next', 1), INTERFACE)
    third = publish_release(store, bundle, INTERFACE)  # back to the first: a new number
    assert [r.number for r in (first, second, third)] == [1, 2, 3]
    assert releases(store, INTERFACE) == [first, second, third]
    assert third.bundle_sha == first.bundle_sha


@pytest.mark.parametrize('when', ['before', 'after'])
@pytest.mark.parametrize('write', range(1, WRITES + 1))
def test_a_publisher_killed_at_any_write_leaves_the_pointer_whole(store, tmp_path, write, when):
    first = publish_release(store, stored.make_bundle(tmp_path / 'bundle'), INTERFACE)
    following = stored.make_bundle(tmp_path / 'next', 1)
    killed = stored.run(PUBLISH_AND_DIE, store.folder, following, write, when)
    assert killed.returncode == -9

    latest = latest_release(store, INTERFACE)
    pointed = (write, when) == (WRITES, 'after')
    assert latest.number == (2 if pointed else 1)
    assert contents(fetch_release(store, latest, tmp_path / 'slot')) == contents(
        following if pointed else tmp_path / 'bundle'
    )

    again = publish_release(store, following, INTERFACE)
    assert again.number == 2 and latest_release(store, INTERFACE) == again
    assert releases(store, INTERFACE) == [first, again]


def test_a_record_that_was_never_pointed_at_is_not_overwritten(store, tmp_path):
    publish_release(store, stored.make_bundle(tmp_path / 'bundle'), INTERFACE)
    lost = stored.make_bundle(tmp_path / 'lost', 1)
    killed = stored.run(PUBLISH_AND_DIE, store.folder, lost, WRITES, 'before')
    assert killed.returncode == -9
    orphan = store.get(record_key(INTERFACE, 2))

    third = publish_release(store, stored.make_bundle(tmp_path / 'next', 2), INTERFACE)
    assert third.number == 3 and latest_release(store, INTERFACE) == third
    assert store.get(record_key(INTERFACE, 2)) == orphan


def test_a_publisher_killed_at_random_moments_leaves_the_pointer_whole(store, tmp_path):
    drawn = random.Random(3)
    for life in range(12):
        process = stored.run(
            PUBLISH_FOR_EVER, store.folder, tmp_path / 'bundle', 1000 * life, wait=False
        )
        said = [int(process.stdout.readline()) for _ in range(drawn.randint(1, 3))]
        time.sleep(drawn.uniform(0.0, 0.08))  # the random moment; nothing waits for it
        process.kill()
        process.communicate()

        latest = latest_release(store, INTERFACE)
        assert latest.number >= said[-1]
        slot = fetch_release(store, latest, tmp_path / 'slots' / str(life))
        assert sha256_of(slot / 'manifest.json') == latest.bundle_sha
    assert [r.number for r in releases(store, INTERFACE)] == list(range(1, latest.number + 1))


@pytest.mark.parametrize('name', ['weights.bin', 'manifest.json'])
def test_a_flipped_byte_is_named_and_no_slot_appears(store, tmp_path, name):
    bundle = stored.make_bundle(tmp_path / 'bundle')
    release = publish_release(store, bundle, INTERFACE)
    path = store.folder / objects_prefix(INTERFACE, release.bundle_sha) / name
    content = bytearray(path.read_bytes())
    content[2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match=f'{name}: damaged in the store'):
        fetch_release(store, release, tmp_path / 'slot')
    assert not (tmp_path / 'slot').exists()


def test_a_slot_that_is_there_is_verified_and_replaced_if_damaged(store, tmp_path):
    bundle = stored.make_bundle(tmp_path / 'bundle')
    release = publish_release(store, bundle, INTERFACE)
    slot = fetch_release(store, release, tmp_path / 'slot')
    (slot / 'weights.bin').write_bytes(b'')  # as a power loss may leave it
    (slot / 'stranger').write_text('x')
    assert contents(fetch_release(store, release, slot)) == contents(bundle)


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'', 'not JSON'),
        (b'{"format": 2, "number": 1}', 'format 2'),
        (b'{"format": 1, "number": "1"}', 'number'),
        (b'{"format": 1, "number": 0}', 'number 0'),
        (b'{"format": 1, "number": 9}', 'no such object'),
    ],
)
def test_a_damaged_pointer_is_named(store, tmp_path, content, words):
    publish_release(store, stored.make_bundle(tmp_path / 'bundle'), INTERFACE)
    store.put(latest_key(INTERFACE), content)
    with pytest.raises(StoreError, match=words):
        latest_release(store, INTERFACE)


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        (b'"number": 1', b'"number": 2'),
        (b'"bundle_sha": "', b'"bundle_sha": "f'),
        (b'"updates": 0', b'"updates": "x"'),
        (b'"episodes": []', b'"episodes": 4'),
        (b'"episodes": []', b'"episodes": [4]'),
        (b'weights.bin', b'../../etc/passwd'),
        (b'"manifest.json"', b'"other.json"'),
    ],
)
def test_a_damaged_record_is_named(store, tmp_path, old, new):
    publish_release(store, stored.make_bundle(tmp_path / 'bundle'), INTERFACE)
    key = record_key(INTERFACE, 1)
    assert old in store.get(key)
    store.put(key, store.get(key).replace(old, new))
    with pytest.raises(StoreDamaged, match=r'00000001\.json'):
        latest_release(store, INTERFACE)


def test_what_is_no_bundle_is_not_published(store, tmp_path):
    (tmp_path / 'folder' / 'inner').mkdir(parents=True)
    with pytest.raises(StoreError, match='inner: not a plain file'):
        publish_release(store, tmp_path / 'folder', INTERFACE)
    bundle = stored.make_bundle(tmp_path / 'bundle')
    (bundle / 'manifest.json').unlink()
    with pytest.raises(StoreError, match=r'no manifest\.json'):
        publish_release(store, bundle, INTERFACE)
    assert store.list('releases') == []


def test_figures_that_are_not_finite_are_not_published(store, tmp_path):
    bundle = stored.make_bundle(tmp_path / 'bundle')
    with pytest.raises(ValueError, match='not JSON compliant'):
        publish_release(store, bundle, INTERFACE, gate={'open_loop_15': float('nan')})
    assert latest_release(store, INTERFACE) is None


def test_a_record_names_the_newest_episodes_and_counts_all(store, tmp_path):
    uuids = [f'uuid-{i}' for i in range(500)]
    bundle = stored.make_bundle(tmp_path / 'bundle')
    release = publish_release(store, bundle, INTERFACE, episodes=uuids)
    assert release.episode_count == 500 and release.episodes == uuids[-200:]


def test_releases_of_a_format_1_store_are_still_read_and_followed(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / 'store')
    store = open_store(tmp_path / 'store', create=True)
    latest = latest_release(store, INTERFACE)
    assert (latest.number, latest.updates, latest.note) == (2, 200, 'fixture')
    assert latest.episodes == ['uuid-1'] and latest.gate == {'open_loop_15': 0.5}
    slot = fetch_release(store, latest, tmp_path / 'slot')
    assert (slot / 'weights.bin').read_bytes() == bytes([2]) * 8
    following = publish_release(store, stored.make_bundle(tmp_path / 'next'), INTERFACE)
    assert following.number == 3
