# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Imports for a robot of several command groups, joints in parts and a task."""

from __future__ import annotations

import foreign_data as foreign
import numpy as np
import pytest
from test_import_bags import COMMAND, JOINTS, PUSHER, bag, imported, recordings, without

from world_model_ros.contract import parse_contract
from world_model_ros.experience import EpisodeReader, check_episode, to_arrays
from world_model_ros.experience.read.importers.import_map import parse_map
from world_model_ros.experience.read.importers.import_source import ImportRefused
from world_model_ros.experience.read.rebuild import read_ticks

_ACTION = PUSHER.text[PUSHER.text.index('action:') : PUSHER.text.index('reward:')]
HANDS = parse_contract(
    PUSHER.text.replace('format: 1', 'format: 2')
    .replace('period: 0.05  ', 'rate: 20  ')
    .replace(
        _ACTION,
        """actions:
  slider:
    topic: slider/command
    kind: position
    names: [slide]
    low: [-1.0]
    high: [1.0]
    limits: {velocity: [40.0]}
    safe: hold
  lifter:
    topic: lifter/command
    kind: velocity
    names: [lift]
    low: [-20.0]
    high: [20.0]
    limits: {acceleration: [400.0]}
    safe: zero

task: {names: [colour], low: [0.0], high: [1.0], default: [0.5]}
""",
    )
)
TYPE = 'sensor_msgs/msg/JointState'


def messages(frames):
    """Two publishers of joints and two of commands."""
    out = []
    for topic, kind, log_ns, data in foreign.bag_messages(frames):
        k, t_ns = (log_ns - foreign.T0_NS) // foreign.PERIOD_NS, log_ns - 4_000_000
        if topic == JOINTS:
            for i, joint in enumerate(foreign.JOINTS):
                at = foreign.position(k)[i]
                part = foreign.joint_state(t_ns - i, [joint], [at], [0.0])
                out.append((JOINTS, TYPE, log_ns + i, part))
        elif topic == COMMAND:
            goal, speed = foreign.command(k)[0], 10.0 * foreign.command(k)[1]
            slider = foreign.joint_state(log_ns, ['slide'], [goal])
            lifter = foreign.joint_state(log_ns, ['lift'], [], [speed])
            out.append(('/slider/command', TYPE, log_ns, slider))
            out.append(('/lifter/command', TYPE, log_ns, lifter))
        else:
            out.append((topic, kind, log_ns, data))
    return out


def test_commands_of_one_moment_are_one_action(tmp_path):
    (episode,) = imported(bag(tmp_path, messages(10)), tmp_path / 'out', HANDS)
    arrays = to_arrays(episode.path)
    done = np.array([foreign.command(k) * [1.0, 10.0] for k in range(9)], np.float32)
    np.testing.assert_array_equal(arrays['action_sent'][1:], done)
    places = np.array([foreign.position(k) for k in range(10)], np.float32)
    np.testing.assert_array_equal(arrays['obs_joints'][:, :2], places)
    reader = EpisodeReader(episode.path)
    assert reader.topic('command.lifter') == '/lifter/command'
    assert {tuple(tick.task.items()) for tick in read_ticks(reader)} == {(('colour', 0.5),)}
    assert check_episode(episode.path, rebuilt=True) == []


def test_a_group_that_nobody_commanded_makes_all_actions_measured(tmp_path):
    folder = bag(tmp_path, without(messages(10), '/lifter/command'))
    (episode,) = imported(folder, tmp_path / 'out', HANDS)
    assert episode.actions == 'measured'
    places = np.array([foreign.position(k) for k in range(10)], np.float64)
    arrays = to_arrays(episode.path)
    np.testing.assert_array_equal(arrays['action_sent'][:, 0], places[:, 0].astype(np.float32))
    np.testing.assert_allclose(
        arrays['action_sent'][1:, 1], np.diff(places[:, 1]) / 0.05, atol=1e-5
    )


def test_topics_of_groups_may_have_other_names(tmp_path):
    renamed = {'/slider/command': '/a', '/lifter/command': '/b'}
    said = [(renamed.get(topic, topic), *rest) for topic, *rest in messages(6)]
    folder = bag(tmp_path, said)
    names = parse_map({'actions': {'slider': '/a', 'lifter': '/b'}}, HANDS)
    (episode,) = imported(folder, tmp_path / 'out', HANDS, names)
    assert episode.actions == 'recorded'
    with pytest.raises(ImportRefused, match=r"no key 'arm'; there may be slider, lifter"):
        parse_map({'actions': {'arm': '/a'}}, HANDS)
    wrong = parse_map({'actions': {'slider': '/none', 'lifter': '/b'}}, HANDS)
    with pytest.raises(ImportRefused, match=r'action: expected a topic that ends in /none'):
        recordings(folder, HANDS, wrong)


def test_a_dataset_names_each_joint_by_its_kind_of_command(tmp_path):
    pytest.importorskip('pyarrow')
    from world_model_ros.experience.read.importers.lerobot_export import export_lerobot

    (episode,) = imported(bag(tmp_path, messages(10)), tmp_path / 'out', HANDS)
    export_lerobot([episode.path], tmp_path / 'dataset')
    (again,) = imported(tmp_path / 'dataset', tmp_path / 'again', HANDS)
    left, right = to_arrays(episode.path), to_arrays(again.path)
    for key in ('obs_camera', 'obs_joints', 'action_sent'):
        np.testing.assert_array_equal(left[key][:9], right[key][:9])
    np.testing.assert_array_equal(left['action_sent'][9], right['action_sent'][9])
