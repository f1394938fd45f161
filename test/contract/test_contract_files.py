# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Shipped and stored robot files: what they say, and that their hashes have not moved."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from world_model_ros.contract import (
    ContractError,
    contract_hash,
    find_robot,
    interface_diff,
    interface_hash,
    load_contract,
    parse_contract,
)

FIXTURES = Path(__file__).parents[1] / 'fixtures'
STORED = FIXTURES / 'contract_format1.yaml'
HASHES = json.loads((FIXTURES / 'contract_hashes.json').read_text())


@pytest.mark.parametrize('name', ['reacher', 'cartpole'])
def test_shipped_robot_needs_the_camera_and_ticks_on_it(name):
    contract = load_contract(name)

    assert contract.tick_stream == 'camera'
    assert contract.stream('camera').shape == (64, 64, 3)
    assert contract.offset_ticks == 1
    assert contract.commands_per_tick == 2
    assert contract.period_ns == contract.command_offset_ns == 40_000_000
    np.testing.assert_array_equal(contract.safe_action, np.zeros(contract.action_dim, np.float32))


def test_every_key_of_the_stored_file_arrives_in_the_contract():
    contract = load_contract(STORED)

    assert contract.offset_ticks == 2
    assert contract.commands_per_tick == 5
    assert contract.frames_per_tick == 5
    front, arm = contract.streams
    assert (front.stamp, front.record, front.encoding) == ('receive', 'compressed', 'rgb8')
    assert (arm.sampling, arm.tolerance_s, arm.shape) == ('asof', 0.02, (6,))
    assert arm.fields == ('velocity', 'position', 'effort')
    assert (front.graph_input, front.dtype, arm.dtype) == ('obs_front', np.uint8, np.float32)
    assert contract.groups[0].type == 'std_msgs/msg/Float64MultiArray'
    assert contract.action.high == (1.5, 0.5)
    assert contract.reward.sampling == 'last'
    assert contract.episode.segment_ticks == 1200
    assert contract.text == STORED.read_text()


def test_topics_may_be_absolute_and_are_not_in_the_interface():
    text = find_robot('reacher').read_text()
    absolute = parse_contract(text.replace('topic: ', 'topic: /'))
    assert absolute.stream('camera').topic == '/camera/image_raw'
    assert (absolute.groups[0].topic, absolute.reward.topic) == ('/command', '/reward')
    assert interface_hash(absolute) == interface_hash(parse_contract(text))


@pytest.mark.parametrize('name', [*sorted(HASHES)])
def test_hashes_have_not_moved(name):
    contract = load_contract(STORED if name == 'stored' else name)

    # If this fails, recorded episodes and exported bundles are orphaned: raise a version instead.
    assert interface_hash(contract) == HASHES[name]['interface']
    assert contract_hash(contract) == HASHES[name]['contract']


def test_every_shipped_robot_file_has_its_hashes_stored():
    shipped = {path.stem for path in find_robot('reacher').parent.glob('*.yaml')}
    assert shipped == set(HASHES) - {'stored'}


def test_comments_and_layout_change_neither_hash():
    contract = load_contract('reacher')
    other = parse_contract('# another comment\n' + contract.text.replace('50.0', '50'))

    assert interface_hash(other) == interface_hash(contract)
    assert contract_hash(other) == contract_hash(contract)


@pytest.mark.parametrize(
    'old, new',
    [
        ('topic: camera/image_raw', 'topic: other/image'),
        ('max_age: 0.12', 'max_age: 0.08'),
        ('rate_limit: [2.5, 2.5]', 'rate_limit: [1.0, 1.0]'),
        ('command_timeout: 0.2', 'command_timeout: 0.3'),
        ('command_rate: 50.0', 'command_rate: 100.0'),
        ('max_ticks: 500', 'max_ticks: 100'),
        ('source: stream, stream: camera', 'source: timer'),
    ],
)
def test_what_the_network_never_sees_orphans_no_weights(old, new):
    contract = load_contract('reacher')
    changed = parse_contract(contract.text.replace(old, new))

    assert interface_hash(changed) == interface_hash(contract)
    assert contract_hash(changed) != contract_hash(contract)
    assert interface_diff(contract, changed) == []


@pytest.mark.parametrize(
    'old, new, difference',
    [
        (
            'shape: [64, 64, 3]',
            'shape: [96, 96, 3]',
            'streams.camera.shape: [64, 64, 3] -> [96, 96, 3]',
        ),
        ('wrap: [shoulder]', 'wrap: []', 'streams.joints.wrap: ["shoulder"] -> []'),
        (
            'fields: [position, velocity]',
            'fields: [velocity, position]',
            'streams.joints.fields: ["position", "velocity"] -> ["velocity", "position"]',
        ),
        (
            'low: [-0.05, -0.05]',
            'low: [-0.06, -0.05]',
            'action.low: [-0.05, -0.05] -> [-0.06, -0.05]',
        ),
        ('command_offset: 0.04', 'command_offset: 0.08', 'offset_ticks: 1 -> 2'),
        ('  joints:\n', '  arm:\n', 'streams in order: ["camera", "joints"] -> ["camera", "arm"]'),
    ],
)
def test_what_the_network_sees_changes_the_interface_and_is_named(old, new, difference):
    contract = load_contract('reacher')
    changed = parse_contract(contract.text.replace(old, new))

    assert interface_hash(changed) != interface_hash(contract)
    assert difference in interface_diff(contract, changed)


def test_holding_robot_has_no_constant_safe_action():
    text = STORED.read_text().replace('kind: velocity', 'kind: position')
    contract = parse_contract(text.replace('safe: zero', 'safe: hold'))

    assert contract.safe_action is None


def test_joints_that_nobody_measures_cannot_be_held():
    text = STORED.read_text().replace('kind: velocity', 'kind: position')
    text = text.replace('safe: zero', 'safe: hold')
    before, names, after = text.rpartition('names: [base, elbow/left]')
    assert names

    with pytest.raises(ContractError, match='to know where to hold them'):
        parse_contract(f'{before}names: [base, elbow/right]{after}')


def test_contract_cannot_be_changed_after_loading():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_contract('reacher').name = 'other'


def test_unknown_robot_name_is_answered_with_the_nearest_shipped_one():
    with pytest.raises(ContractError, match="did you mean 'reacher'"):
        find_robot('reecher')


def test_robot_is_found_in_a_sourced_workspace(tmp_path, monkeypatch):
    folder = tmp_path / 'share' / 'world_model_ros' / 'config' / 'robots'
    folder.mkdir(parents=True)
    (folder / 'mine.yaml').write_text(STORED.read_text())
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{tmp_path}')

    assert find_robot('mine') == folder / 'mine.yaml'


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ContractError, match=r'absent\.yaml'):
        load_contract(tmp_path / 'absent.yaml')


def test_unknown_stream_name_lists_the_known_ones():
    with pytest.raises(KeyError, match='camera, joints'):
        load_contract('reacher').stream('lidar')
