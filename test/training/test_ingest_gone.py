# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What somebody does to episodes in the store never ends the trainer, nor is it told for ever."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip('mujoco')
import recorded
from served import Told

from world_model_ros.training.data.ingest import Ingest


def make(tmp_path, told: Told) -> Ingest:
    recorded.keep_secret(tmp_path / 'out')
    return Ingest(recorded.robot(), tmp_path / 'out', 1_000, told.say)


def damage(store) -> Path:
    """Spoil the only recording in a store; return its folder."""
    victim = next(Path(store.url).rglob('*.mcap'))
    victim.write_bytes(b'junk')
    return victim.parent


def test_a_copy_under_a_name_that_is_no_key_is_not_an_episode(tmp_path, bags, store):
    name = recorded.TRAINED[0]
    recorded.upload(store, bags[name])
    folder = next(Path(store.url).rglob('complete.json')).parent
    shutil.copytree(folder, folder.with_name(f'{name} 12:30'))
    ingest = make(tmp_path, Told())
    ingest.look(store)
    while ingest.waiting:
        ingest.take(store)
    assert list(ingest.ledger.entries) == [f'r1/{name}']


def test_a_failing_episode_that_is_no_longer_in_the_store_is_forgotten(tmp_path, bags, store):
    recorded.upload(store, bags[recorded.TRAINED[0]])
    folder, ingest = damage(store), make(tmp_path, Told())
    ingest.look(store)
    ingest.take(store)
    assert list(ingest.failing) == [f'r1/{recorded.TRAINED[0]}']
    shutil.rmtree(folder)
    ingest.look(store)
    assert not ingest.failing


def test_what_was_fetched_of_an_episode_that_is_gone_is_removed(tmp_path, bags, store):
    recorded.upload(store, bags[recorded.TRAINED[0]])
    folder, ingest = damage(store), make(tmp_path, Told())
    ingest.look(store)
    ingest.take(store)
    assert [path.suffix for path in ingest.incoming.iterdir()] == ['.part']
    shutil.rmtree(folder)
    ingest.look(store)
    assert not list(ingest.incoming.iterdir())
