# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The shipping thread without a recorder around it: it never ends in silence."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from world_model_ros.contract import find_robot, interface_hash, load_contract
from world_model_ros.experience.record.shipping import Shipper
from world_model_ros.store import StoreUrlError, complete_episodes, open_store

FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'episode_v1'
INTERFACE = interface_hash(load_contract(find_robot('reacher')))
PATIENCE_SEC = 30.0


class Faulty(Shipper):
    """Has a fault of its own until it is repaired."""

    repaired = False

    def _ship(self, store):
        if not self.repaired:
            raise KeyError('nobody thought of this')
        super()._ship(store)


def until(condition):
    give_up_s = time.monotonic() + PATIENCE_SEC
    while not condition():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


@pytest.fixture
def recorded(tmp_path):
    open_store(tmp_path / 'store', create=True)
    shutil.copytree(FIXTURE, tmp_path / 'recorded' / 'earlier-1')
    return tmp_path / 'recorded'


def test_a_fault_of_its_own_is_counted_and_named_and_the_thread_goes_on(recorded, tmp_path):
    shipper = Faulty(recorded, str(tmp_path / 'store'), 'counter-1', first_retry_s=0.01)
    shipper.start()
    try:
        until(lambda: shipper.figures.failures >= 3)
        assert "KeyError('nobody thought of this')" in shipper.figures.broken
        assert 'test_shipper.py:' in shipper.figures.broken
        assert shipper.figures.error == shipper.figures.broken
        shipper.repaired = True
        until(lambda: shipper.figures.shipped == 1 and not shipper.figures.broken)
        assert 'KeyError' in shipper.figures.last_error
    finally:
        assert shipper.stop(PATIENCE_SEC)


def test_an_episode_whose_metadata_breaks_its_reader_keeps_no_other_back(recorded, tmp_path):
    shutil.copytree(FIXTURE, recorded / 'deep')
    (recorded / 'deep' / 'metadata.yaml').write_text('[' * 50_000)
    shipper = Shipper(recorded, str(tmp_path / 'store'), 'counter-1', first_retry_s=0.01)
    shipper.start()
    try:
        until(lambda: shipper.figures.shipped == 1 and shipper.figures.refused == 1)
    finally:
        assert shipper.stop(PATIENCE_SEC)
    assert [ref.uuid for ref in complete_episodes(open_store(tmp_path / 'store'))] == ['earlier-1']


def test_episodes_of_other_robots_in_the_folder_stay_there_and_are_no_fault(recorded, tmp_path):
    elsewhere = recorded / 'of-another'
    shutil.copytree(FIXTURE, elsewhere)
    metadata = elsewhere / 'metadata.yaml'
    text = metadata.read_text()
    assert text.count('robot_id: counter-1') == 1
    metadata.write_text(text.replace('robot_id: counter-1', 'robot_id: counter-2'))
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    shipper = Shipper(
        recorded, str(tmp_path / 'store'), 'counter-1', first_retry_s=0.01, interface=INTERFACE
    )
    shipper.start()
    try:
        until(lambda: shipper.figures.shipped == 1 and shipper.figures.foreign == 1)
    finally:
        assert shipper.stop(PATIENCE_SEC)
    figures = shipper.figures
    assert figures.foreign_of == "robot 'counter-2' (reacher)"
    assert (figures.error, figures.refused, figures.failures, figures.waiting) == ('', 0, 0, 0)
    assert [ref.uuid for ref in complete_episodes(open_store(tmp_path / 'store'))] == ['earlier-1']
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before


def test_episodes_under_another_interface_of_the_same_robot_stay_too(recorded, tmp_path):
    shipper = Shipper(
        recorded, str(tmp_path / 'store'), 'counter-1', first_retry_s=0.01, interface='0' * 64
    )
    shipper.start()
    try:
        until(lambda: shipper.figures.foreign == 1)
    finally:
        assert shipper.stop(PATIENCE_SEC)
    assert complete_episodes(open_store(tmp_path / 'store')) == []


@pytest.mark.parametrize('url', ['http://127.0.0.1:9000/bucket', 's3:/bucket'])
def test_a_url_that_names_no_store_is_refused_before_anything_is_recorded(url, tmp_path):
    with pytest.raises(StoreUrlError, match='write'):
        Shipper(tmp_path, url, 'counter-1')


# ---- each episode settles by itself --------------------------------------------------------


def ship(shipper, done, seconds=PATIENCE_SEC):
    shipper.start()
    try:
        until(lambda: done(shipper.figures))
    finally:
        assert shipper.stop(seconds)
    return shipper.figures


def copies(recorded, *names):
    for name in names:
        shutil.copytree(FIXTURE, recorded / name)


def uuids(tmp_path):
    return [ref.uuid for ref in complete_episodes(open_store(tmp_path / 'store'))]


def test_a_robot_never_makes_a_store_and_says_how_one_is_made(recorded, tmp_path):
    for folder in ('nothing', 'mount_point'):
        (tmp_path / 'mount_point').mkdir(exist_ok=True)
        shipper = Shipper(recorded, str(tmp_path / folder), 'counter-1', first_retry_s=0.01)
        figures = ship(shipper, lambda figures: figures.failures >= 2)
        assert 'world-model store create' in figures.error and figures.waiting == 1
    assert not (tmp_path / 'nothing').exists()
    assert list((tmp_path / 'mount_point').iterdir()) == []

    open_store(tmp_path / 'nothing', create=True)
    shipper = Shipper(recorded, str(tmp_path / 'nothing'), 'counter-1', first_retry_s=0.01)
    assert ship(shipper, lambda figures: figures.shipped == 1).error == ''


def damage_metadata(recorded, name, old, new):
    path = recorded / name / 'metadata.yaml'
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_robot_whose_name_is_a_path_holds_up_no_other(recorded, tmp_path):
    open_store(tmp_path / 'store', create=True)
    copies(recorded, 'b', 'c')
    damage_metadata(recorded, 'earlier-1', 'robot_id: counter-1', 'robot_id: lab/arm1')
    shipper = Shipper(recorded, str(tmp_path / 'store'), 'counter-1')
    figures = ship(shipper, lambda figures: figures.shipped == 2 and figures.refused == 1)
    assert uuids(tmp_path) == ['b', 'c'] and 'lab/arm1' in figures.error


def test_an_episode_that_the_store_will_not_have_is_tried_again_and_holds_up_no_other(
    recorded, tmp_path, monkeypatch
):
    store = open_store(tmp_path / 'store', create=True)
    copies(recorded, 'b', 'c')
    tries = []
    put = type(store).put_file

    def refuse(self, key, path):
        if '/b/' in key:
            tries.append(key)
            raise self.error(key, 'the store will not have it')
        put(self, key, path)

    monkeypatch.setattr(type(store), 'put_file', refuse)
    shipper = Shipper(recorded, store.url, 'counter-1', first_retry_s=0.001)
    figures = ship(shipper, lambda figures: figures.shipped == 2 and len(tries) > 2)
    assert uuids(tmp_path) == ['c', 'earlier-1']
    assert figures.postponed == 1 and 'will not have it' in figures.error
    assert figures.failures >= 3


def test_a_fault_with_one_episode_is_given_up_after_some_tries_and_named(
    recorded, tmp_path, monkeypatch
):
    store = open_store(tmp_path / 'store', create=True)
    copies(recorded, 'b')
    put = type(store).put_file

    def broken(self, key, path):
        if '/b/' in key:
            raise MemoryError
        put(self, key, path)

    monkeypatch.setattr(type(store), 'put_file', broken)
    monkeypatch.setattr('world_model_ros.experience.record.shipping.SCAN_PERIOD_SEC', 0.01)
    shipper = Shipper(recorded, store.url, 'counter-1', first_retry_s=0.001)
    figures = ship(shipper, lambda figures: figures.refused == 1 and figures.shipped == 1)
    assert 'MemoryError' in figures.error and '6 tries' in figures.error


def test_a_next_start_asks_the_store_for_nothing_that_is_known_to_be_there(
    recorded, tmp_path, monkeypatch
):
    store = open_store(tmp_path / 'store', create=True)
    copies(recorded, 'b', 'c')
    ship(Shipper(recorded, store.url, 'counter-1'), lambda figures: figures.shipped == 3)
    asked = []
    exists = type(store).exists
    monkeypatch.setattr(
        type(store), 'exists', lambda self, key: asked.append(key) or exists(self, key)
    )
    # A damaged line costs one question, and the file is neither repaired nor believed.
    ledger = recorded / '.shipped'
    ledger.write_text(ledger.read_text().replace(' b\n', ' x\n') + 'half a li')
    copies(recorded, 'd')
    figures = ship(Shipper(recorded, store.url, 'counter-1'), lambda figures: figures.shipped == 1)
    assert figures.shipped == 1 and uuids(tmp_path) == ['b', 'c', 'd', 'earlier-1']
    assert not any('/c/' in key or '/earlier-1/' in key for key in asked)
    other = Shipper(recorded, open_store(tmp_path / 'other', create=True).url, 'counter-1')
    assert ship(other, lambda figures: figures.shipped == 4).error == ''


def test_new_episodes_do_not_wait_for_a_thousand_old_ones(recorded, tmp_path, monkeypatch):
    store = open_store(tmp_path / 'store', create=True)
    shipper = Shipper(recorded, store.url, 'counter-1')
    for number in range(40):
        (recorded / f'old-{number:02}').mkdir()
        (recorded / f'old-{number:02}' / 'metadata.yaml').write_text('x')
    copies(recorded, 'new')
    os.utime(recorded / 'new')
    for path in recorded.glob('old-*'):
        os.utime(path, (0, 0))
    waiting = [path.name for path in shipper._waiting()]
    assert waiting[0] == 'new' and len(waiting) == 42
