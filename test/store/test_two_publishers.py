# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two trainers publish at once: the pointer never moves backwards, the slower one is told."""

from __future__ import annotations

import threading

import pytest
import stored
from stored import INTERFACE

from world_model_ros.releases import StoreConflict, latest_release, publish_release, releases
from world_model_ros.store import StoreDamaged, open_store
from world_model_ros.store.keys import latest_key, to_json


@pytest.fixture(params=['folder', 'memory'])
def store(request, tmp_path):
    if request.param == 'memory':
        return open_store('memory://')
    return open_store(tmp_path / 'store', create=True)


def between(store, method, action):
    """Do something once, just before the next call of a method of the store."""
    real, done = getattr(store, method), []

    def call(*arguments):
        if not done:
            done.append(method)
            action()
        return real(*arguments)

    setattr(store, method, call)


@pytest.mark.parametrize('method', ['put_new', 'replace'])
def test_a_slower_publisher_is_refused_and_comes_above_with_the_next_try(store, tmp_path, method):
    bundles = [stored.make_bundle(tmp_path / f'bundle{n}', n) for n in range(4)]
    publish_release(store, bundles[0], INTERFACE)

    def faster():
        for bundle in bundles[1:3]:
            publish_release(store, bundle, INTERFACE)

    between(store, method, faster)
    if method == 'replace':  # it has a number by then, and others were pointed at above it
        with pytest.raises(StoreConflict, match='of another trainer was published while release'):
            publish_release(store, bundles[3], INTERFACE)
        assert latest_release(store, INTERFACE).bundle_sha != bundles[3].name
    newest = latest_release(store, INTERFACE).number
    ours = publish_release(store, bundles[3], INTERFACE)
    assert ours.number > newest and latest_release(store, INTERFACE) == ours


def test_a_pointer_that_changed_meanwhile_is_not_overwritten(store):
    assert store.replace('releases/x/latest.json', b'1', None)
    assert not store.replace('releases/x/latest.json', b'2', None)
    assert store.replace('releases/x/latest.json', b'2', b'1')
    assert not store.replace('releases/x/latest.json', b'3', b'1')
    assert store.get('releases/x/latest.json') == b'2'


def test_publishers_in_threads_leave_the_pointer_at_the_highest_number(store, tmp_path):
    seen, refused = [], []

    def publish(who):
        for number in range(6):
            bundle = stored.make_bundle(tmp_path / f'{who}_{number}', 100 * who + number)
            try:
                seen.append(publish_release(store, bundle, INTERFACE).number)
            except StoreConflict:
                refused.append(number)

    threads = [threading.Thread(target=publish, args=(who,)) for who in (1, 2, 3)]
    pointer = []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        latest = latest_release(store, INTERFACE)
        pointer.append(latest.number if latest is not None else 0)
    for thread in threads:
        thread.join()
    assert pointer == sorted(pointer)
    assert len(seen) + len(refused) == 18 and len(set(seen)) == len(seen)
    assert latest_release(store, INTERFACE).number == max(seen)
    assert [r.number for r in releases(store, INTERFACE)][-1] == max(seen)


@pytest.mark.parametrize('number', [0, -1, True, 1.5, 1 << 52, 10**400, None, '1', [1]])
def test_a_pointer_with_an_odd_number_is_damaged(store, number):
    store.put(latest_key(INTERFACE), to_json({'format': 1, 'number': number}))
    with pytest.raises(StoreDamaged, match='latest'):
        latest_release(store, INTERFACE)


def test_a_huge_pointer_is_damaged(store):
    store.put(latest_key(INTERFACE), b'[' * 10_000)
    with pytest.raises(StoreDamaged, match='too large'):
        latest_release(store, INTERFACE)
