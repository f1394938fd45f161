# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A trainer lists the newest days of each robot, all days now and then, and forgets none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from world_model_ros.store import open_store, upload_episode
from world_model_ros.training.data.listing import FULL_SEC, Listing

DAY_NS = 86_400 * 10**9
OLD, NEW = 20_000 * DAY_NS, 20_010 * DAY_NS


class Counting:
    """A store that counts the prefixes it lists."""

    def __init__(self, store) -> None:
        self._store, self.listed = store, []

    def list(self, prefix):
        self.listed.append(prefix)
        return self._store.list(prefix)

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.fixture()
def store(tmp_path):
    return Counting(open_store(tmp_path / 'store', create=True))


def upload(tmp_path, store, name: str, started_ns: int, robot: str = 'r1') -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / 'e.mcap').write_text(name)
    assert upload_episode(store, folder, robot, 'i' * 64, started_ns=started_ns)


def test_old_days_are_listed_now_and_then_and_what_was_seen_there_stays(tmp_path, store):
    now = [0.0]
    listing = Listing(lambda: now[0])

    def seen() -> set[str]:
        return {ref.uuid for ref in listing.look(store)[0]}

    upload(tmp_path, store, 'old', OLD)
    upload(tmp_path, store, 'new', NEW)
    assert seen() == {'old', 'new'}
    upload(tmp_path, store, 'late', OLD)
    upload(tmp_path, store, 'next', NEW + DAY_NS)
    upload(tmp_path, store, 'other', OLD, robot='r2')
    store.listed.clear()
    assert seen() == {'old', 'new', 'next', 'other'}
    assert not any('/2024-10-04' in prefix and '/r1/' in prefix for prefix in store.listed)
    now[0] += FULL_SEC
    assert seen() == {'old', 'new', 'next', 'other', 'late'}
    for complete in Path(store.url).rglob('new/complete.json'):
        shutil.rmtree(complete.parent)
    assert seen() == {'old', 'next', 'other', 'late'}


def test_a_robot_from_the_future_hides_nobody(tmp_path, store):
    listing = Listing(lambda: 0.0)
    upload(tmp_path, store, 'future', 200_000 * DAY_NS, robot='foe')
    upload(tmp_path, store, 'first', OLD)
    listing.look(store)
    upload(tmp_path, store, 'second', OLD)
    assert {ref.uuid for ref in listing.look(store)[0]} == {'future', 'first', 'second'}
