# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The shipping thread without a recorder around it: it never ends in silence."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from world_model_ros.contract import find_robot, interface_hash, load_contract
from world_model_ros.nodes._shipper import Shipper
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
        Shipper(tmp_path, url, 'arm_07')
