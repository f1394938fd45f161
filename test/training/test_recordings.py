# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A plain folder of episodes serves as a store does, and is only read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('mujoco')
import recorded
from served import TICKS
from test_ingest import make, settle_all

from world_model_ros.experience.bag import ACTIVE_SUFFIX, METADATA_FILE
from world_model_ros.store import StoreError, open_store
from world_model_ros.training.data.recordings import OWN_STORE, Recordings, recordings_at


@pytest.fixture
def folder(tmp_path, bags) -> Path:
    """A recorder's folder: episodes of one robot, one of them still being written."""
    root = tmp_path / 'episodes'
    for name in (*recorded.TRAINED[:2], recorded.HELD_OUT):
        shutil.copytree(bags[name], root / name)
    shutil.copytree(bags[recorded.TRAINED[2]], root / f'{recorded.TRAINED[2]}{ACTIVE_SUFFIX}')
    return root


def content_of(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its content and the time of its last change."""
    files = [path for path in root.rglob('*') if path.is_file()]
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files
    }


def test_sealed_episodes_are_ingested_once_as_those_of_a_store_and_left_as_they_are(
    tmp_path, folder, bags
):
    before = content_of(folder)
    source = recordings_at(str(folder), tmp_path / 'out')
    ingest, _ = make(tmp_path)
    settle_all(ingest, source)
    settle_all(ingest, source)
    assert [e.uuid for e in ingest.ledger.of('ingested')] == recorded.TRAINED[:2]
    [held_out] = ingest.ledger.of('held_out')
    assert (held_out.uuid, held_out.robot_id) == (recorded.HELD_OUT, 'r1')
    assert ingest.ticks == 2 * TICKS and content_of(folder) == before
    # The same episode from a store is the same episode; a new one is found.
    store = open_store(tmp_path / 'store', create=True)
    recorded.upload(store, bags[recorded.TRAINED[0]])
    settle_all(ingest, store)
    shutil.copytree(bags[recorded.TRAINED[3]], folder / 'arm1' / recorded.TRAINED[3])
    settle_all(ingest, source)
    assert ingest.ticks == 3 * TICKS


def test_what_a_place_was_is_remembered_while_its_disk_is_away(tmp_path, folder):
    out = tmp_path / 'out'
    assert recordings_at(str(tmp_path / 'away'), out) is None  # may become a store
    open_store(out / OWN_STORE, create=True)
    source = recordings_at(str(tmp_path / 'away'), out)
    with pytest.raises(StoreError, match='folder of episodes is not there'):
        source.look()
    folder.rename(tmp_path / 'away')
    assert len(source.look()) == 3
    assert recordings_at(open_store(tmp_path / 's', create=True).url, out) is None
    assert recordings_at('s3://bucket/prefix', out) is None


def test_what_is_no_episode_of_ours_is_refused_and_hides_no_other(tmp_path, folder):
    other = folder / 'rosbag2_2026_11_29'
    other.mkdir()
    (other / 'rosbag2_0.mcap').write_bytes(b'another recorder')
    (folder / recorded.TRAINED[0] / METADATA_FILE).unlink()
    ingest, events = make(tmp_path)
    settle_all(ingest, Recordings(folder))
    [refused] = events.of('refused')
    assert refused['uuid'] == other.name and refused['robot_id'] == 'unknown'
    assert len(ingest.ledger.of('ingested')) + len(ingest.ledger.of('held_out')) == 3


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(['robot_id', 'started_ns', 'interface_hash', 'x']), inner
        )
    ),
    max_leaves=8,
)


@pytest.fixture(scope='module')
def odd(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('odd')
    (root / 'e').mkdir()
    (root / 'e' / 'e.mcap').touch()
    return root


@settings(max_examples=50)  # each writes a file
@given(metadata=NESTED | st.binary(max_size=60))
def test_any_metadata_leaves_an_episode_with_a_name_and_a_day(odd, metadata):
    if not isinstance(metadata, bytes):
        metadata = yaml.safe_dump(
            {'rosbag2_bagfile_information': {'custom_data': metadata}}
        ).encode()
    (odd / 'e' / METADATA_FILE).write_bytes(metadata)
    [ref] = Recordings(odd).look()
    assert ref.uuid == 'e' and ref.robot_id and len(ref.date) == 10
