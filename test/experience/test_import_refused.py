# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags and maps that cannot be used are refused in one line; damage is read around."""

from __future__ import annotations

import re
import shutil
import sqlite3

import foreign_data as foreign
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_import_bags import (
    CAMERA,
    FIXTURES,
    JOINTS,
    PUSHER,
    bag,
    changed,
    imported,
    recordings,
    without,
)

from world_model_ros.experience import check_episode
from world_model_ros.experience.read.importers.import_map import parse_map
from world_model_ros.experience.read.importers.import_source import REFUSED, ImportRefused

NEVER = 'name the right one'


@pytest.mark.parametrize(
    ('topics', 'contract', 'words'),
    [
        (
            [JOINTS],
            PUSHER,
            r"stream 'joints'.*in /joint_states of type .*JointState.*" + NEVER,
        ),
        ([CAMERA], PUSHER, r"stream 'camera'.*Image or .*CompressedImage.*" + NEVER),
        (
            [],
            changed(('topic: command', 'topic: command\n  type: std_msgs/msg/Float64MultiArray')),
            r'action: expected .* of type std_msgs/msg/Float64MultiArray.*' + NEVER,
        ),
    ],
)
def test_what_a_bag_lacks_is_named_with_what_it_holds(tmp_path, topics, contract, words):
    folder = bag(tmp_path, without(foreign.bag_messages(3), *topics))
    with pytest.raises(ImportRefused, match=words) as caught:
        recordings(folder, contract)
    assert '\n' not in str(caught.value)


def test_a_bag_without_a_valid_tick_says_why(tmp_path):
    messages = [
        (topic, kind, log_ns, data if topic != CAMERA else data[:-500])
        for topic, kind, log_ns, data in foreign.bag_messages(6)
    ]
    with pytest.raises(ImportRefused, match=r"no tick is valid: stream 'camera': expected"):
        imported(bag(tmp_path, messages), tmp_path / 'out')
    assert not list((tmp_path / 'out').iterdir())


def test_what_is_no_foreign_recording_is_refused_by_name(tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.mcap').write_text('no bag')
    (tmp_path / 'text.db3').write_text('no bag')
    sqlite3.connect(tmp_path / 'other.db3').execute('CREATE TABLE t (a)').connection.close()
    packed = tmp_path / 'packed'
    packed.mkdir()
    (packed / 'a.mcap.zstd').write_bytes(b'')
    for path, words in (
        (tmp_path / 'nowhere', 'no such file'),
        (tmp_path / 'empty', 'expected a rosbag2 folder or file'),
        (tmp_path / 'text.mcap', 'expected an MCAP file'),
        (tmp_path / 'text.db3', 'expected a sqlite3 file'),
        (tmp_path / 'other.db3', 'expected the tables topics and messages'),
        (packed, r'unpack it first \(zstd -d a.mcap.zstd\)'),
        (FIXTURES / 'episode_v1', 'an episode of world_model_ros already'),
    ):
        with pytest.raises(ImportRefused, match=words):
            recordings(path)


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ([], 'expected a table'),
        ({'stream': {}}, "no key 'stream'; there may be streams, action, actions, reward"),
        ({'streams': {'cam': '/a'}}, "no key 'cam'; there may be camera, joints"),
        ({'streams': {'joints': {'names': ['a']}}}, 'expected 2'),
        ({'streams': {'joints': {'scale': 'x'}}}, 'scale: expected a number'),
        ({'streams': {'joints': {'scale': [1, 2, 3]}}}, 'scale: expected a number or 2'),
        ({'streams': {'joints': {'position': 7}}}, 'position: expected a feature'),
        ({'action': {'scale': float('nan')}}, 'action.scale: expected a number'),
        ({'reward': 3}, 'reward: expected a topic'),
    ],
)
def test_a_wrong_map_names_its_key(given, words):
    with pytest.raises(ImportRefused, match=re.escape(words)):
        parse_map(given, PUSHER)


@settings(max_examples=50)
@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(['streams', 'joints', 'camera', 'action', 'from', 'names', 'scale', 'a']),
        inner, max_size=4,
    ), max_leaves=10,
))  # fmt: skip
def test_any_map_is_read_or_refused(value):
    try:
        parse_map(value, PUSHER)
    except ImportRefused as error:
        assert '\n' not in str(error)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    plugin=st.sampled_from(['mcap', 'sqlite']),
    cut=st.floats(0.0, 1.0),
    hits=st.lists(st.tuples(st.floats(0.0, 0.999), st.integers(0, 255)), max_size=3),
)
def test_any_damage_is_read_around_or_refused_in_one_line(tmp_path, plugin, cut, hits):
    folder = tmp_path / 'damaged'
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FIXTURES / f'import_rosbag2_{plugin}', folder)
    (file,) = (path for path in folder.iterdir() if path.suffix != '.yaml')
    data = bytearray(file.read_bytes())
    for at, value in hits:
        data[int(at * len(data))] = value
    file.write_bytes(bytes(data[: int(cut * len(data))]))
    out = tmp_path / 'out'
    shutil.rmtree(out, ignore_errors=True)
    try:
        found = imported(folder, out)
    except REFUSED as error:
        assert '\n' not in str(error) or isinstance(error, OSError)
        return
    for episode in found:
        assert check_episode(episode.path, rebuilt=True) == []
