# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Format 2: command groups, limits inside of the scaling, and what stays as in format 1."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.contract import (
    ContractError,
    contract_hash,
    find_robot,
    interface_diff,
    interface_hash,
    load_contract,
    parse_contract,
)
from world_model_ros.contract.meaning import meaning

FIXTURES = Path(__file__).parents[1] / 'fixtures'
STORED = FIXTURES / 'contract_format2.yaml'
HASHES = json.loads((FIXTURES / 'contract_format2_hashes.json').read_text())
TEXT = STORED.read_text()


def changed(*pairs):
    text = TEXT
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return parse_contract(text)


def problems(text):
    with pytest.raises(ContractError) as caught:
        parse_contract(text)
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_hashes_of_format_2_have_not_moved():
    contract = load_contract(STORED)
    # If this fails, recorded episodes and exported bundles are orphaned: raise a version instead.
    assert interface_hash(contract) == HASHES['interface']
    assert contract_hash(contract) == HASHES['contract']


def test_groups_are_one_vector_in_the_order_of_the_file():
    contract = load_contract(STORED)
    action = contract.action
    assert [group.name for group in contract.groups] == ['arm', 'gripper', 'base']
    assert action.names == ('shoulder', 'elbow', 'finger', 'wheel')
    assert action.kinds == ('position', 'position', 'position', 'velocity')
    assert action.parts == (slice(0, 2), slice(2, 3), slice(3, 4))
    assert action.holds == (True, True, True, False)
    assert contract.action_dim == 4 and contract.safe_action is None
    np.testing.assert_array_equal(contract.low, np.array([-3, -2.5, 0, -4], np.float32))
    np.testing.assert_array_equal(contract.limit_low, np.array([-1.5, -2.5, 0, -2], np.float32))
    np.testing.assert_array_equal(contract.limit_high, np.array([1, 2, 0.08, 2], np.float32))
    assert action.rate_limit == (1.0, 1.5, 0.1, 8.0)
    assert action.acceleration_limit == (4.0, 6.0, math.inf, 200.0)
    assert action.jerk_limit == (40.0, 60.0, math.inf, math.inf)
    assert action.stop_rate_limit == (1.0, 1.5, 0.1, 12.0)
    assert action.home[:2] == (0.0, 1.0) and math.isnan(action.home[2])
    assert [group.rate_hz for group in contract.groups] == [0.0, 50.0, 0.0]
    assert [stream.parts for stream in contract.sensed] == [False, True, False]


def test_format_1_is_one_group_whose_limits_are_its_box():
    contract = load_contract('reacher')
    (group,) = contract.groups
    assert contract.format == 1 and group.name == '' and not contract.streams[1].parts
    assert contract.action.limit_low == group.low and contract.action.limit_high == group.high
    assert contract.action.rate_limit == group.rate_limit


def as_format_2(text):
    """A robot file of format 1 in format 2."""
    data = yaml.safe_load(text)
    data['format'] = 2
    group = data.pop('action')
    names = {'effort': ('slew_rate',), 'velocity': ('acceleration', 'jerk')}.get(
        group['kind'], ('velocity', 'acceleration')
    )
    keys = ('rate_limit', 'acceleration_limit')
    group['limits'] = {
        new: group.pop(old) for old, new in zip(keys, names, strict=False) if old in group
    }
    if 'stop_rate_limit' in group:
        group['limits'][f'stop_{names[0]}'] = group.pop('stop_rate_limit')
    data['actions'] = {'robot': group}
    return yaml.safe_dump(data, sort_keys=False)


@pytest.mark.parametrize('name', ['reacher', 'cartpole', 'unfriendly_arm', 'stored'])
def test_a_file_that_is_brought_to_format_2_keeps_its_weights(name):
    stored = FIXTURES / 'contract_format1.yaml'
    before = load_contract(stored if name == 'stored' else name)
    after = parse_contract(as_format_2(before.text))
    assert interface_hash(after) == interface_hash(before)
    assert contract_hash(after) != contract_hash(before)
    for part in ('names', 'low', 'high', 'rate_limit', 'acceleration_limit', 'stop_rate_limit'):
        assert getattr(after.action, part) == getattr(before.action, part)


@pytest.mark.parametrize(
    'old, new',
    [
        ('low: [-1.5, -2.5]', 'low: [-0.5, -0.5]'),
        ('velocity: [1.0, 1.5]', 'velocity: [0.2, 0.2]'),
        ('      jerk: [40.0, 60.0]\n', ''),
        ('    rate: 50\n    safe', '    safe'),
        ('topic: gripper/command', 'topic: hand/command'),
        ('  gripper:\n', '  hand:\n'),
        ('    parts: false\n', ''),
        ('home: [0.0, 1.0]', 'home: [0.5, 1.0]'),
    ],
)
def test_tightened_limits_and_other_topics_orphan_no_weights(old, new):
    contract, other = load_contract(STORED), changed((old, new))
    assert interface_hash(other) == interface_hash(contract)
    assert contract_hash(other) != contract_hash(contract)


@pytest.mark.parametrize(
    'old, new, difference',
    [
        ('high: [3.0, 2.5]', 'high: [3.0, 2.6]', 'actions.elbow.high: 2.5 -> 2.6'),
        (
            'names: [shoulder, elbow]\n    low',
            'names: [elbow, shoulder]\n    low',
            'actions in order: ["shoulder", "elbow", "finger", "wheel"] -> '
            '["elbow", "shoulder", "finger", "wheel"]',
        ),
    ],
)
def test_what_the_network_emits_is_named_by_joint(old, new, difference):
    contract, other = load_contract(STORED), changed((old, new))
    assert interface_hash(other) != interface_hash(contract)
    assert difference in interface_diff(contract, other)


@pytest.mark.parametrize(
    'old, new, key, said',
    [
        ('low: [-1.5, -2.5]', 'low: [-3.5, -2.5]', 'actions.arm.limits.low[0]', 'at least -3'),
        ('high: [1.0, 2.0]', 'high: [1.0, 2.6]', 'actions.arm.limits.high[1]', 'at most 2.5'),
        ('high: [1.0, 2.0]', 'high: [-2.0, 2.0]', 'actions.arm.limits.low[0]', 'less than high'),
        ('home: [0.0, 1.0]', 'home: [1.2, 1.0]', 'actions.arm.home[0]', 'between low and high'),
        ('low: [-2.0], high', 'low: [0.5], high', 'actions.base.limits.low[0]', 'contains 0'),
        ('jerk: [40.0, 60.0]', 'jerk: [0.0, 60.0]', 'actions.arm.limits.jerk[0]', 'more than 0'),
        ('jerk: [40.0, 60.0]', 'jrk: [4.0, 6.0]', 'actions.arm.limits.jrk', "did you mean 'jerk'"),
        (
            'stop_acceleration: [12.0]',
            'stop_acceleration: [2.0]',
            'actions.base.limits.stop_acceleration[0]',
            'at least acceleration[0]',
        ),
        ('    limits: {velocity: [0.1]}\n', '', 'actions.gripper.limits', 'a mapping'),
        ('{velocity: [0.1]}', '{}', 'actions.gripper.limits.velocity', 'missing'),
        ('names: [finger]\n', 'names: [elbow]\n', 'actions.gripper.names', 'arm has it'),
        ('topic: gripper/command', 'topic: arm/command', 'actions.gripper.topic', 'of its own'),
        (
            '    rate: 50\n    safe',
            '    rate: 30\n    safe',
            'actions.gripper.rate',
            'whole number',
        ),
        ('names: [finger]\n', 'names: [thumb]\n', 'actions.gripper.safe', 'thumb in a joints'),
        ('  gripper:\n', '  Gripper 1:\n', 'actions.Gripper 1', 'small letters'),
        ('    rate_limit: [1]', '', '', ''),
    ],
)
def test_faults_of_groups_are_named_with_their_key(old, new, key, said):
    if not key:
        text = TEXT.replace('    safe: zero\n', '    safe: zero\n    rate_limit: [1.0]\n')
        assert 'no such key' in problems(text)['actions.base.rate_limit']
        return
    assert old in TEXT
    assert said in problems(TEXT.replace(old, new))[key]


def test_the_two_spellings_of_groups_are_told_apart():
    action = find_robot('reacher').read_text()
    assert 'format: 2' in problems(action.replace('action:\n', 'actions:\n'))['actions']
    said = problems(action.replace('format: 1', 'format: 2'))['action']
    assert 'named groups under the key actions' in said
    assert 'this software is older' in problems(TEXT.replace('format: 2', 'format: 3'))['format']
    assert (
        'no such key'
        in problems(action.replace('joints:\n', 'joints:\n    parts: true\n', 1))[
            'streams.joints.parts'
        ]
    )


def test_the_meaning_says_what_each_group_is_kept_to():
    lines = '\n'.join(' '.join(line) for line in meaning(load_contract(STORED)))
    assert 'gripper: gripper/command (sensor_msgs/msg/JointState), 50 times a second' in lines
    assert 'shoulder: -1.5 to 1 (learned: -3 to 3)' in lines
    assert 'holds arm and gripper, and base is commanded zero' in lines


VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-5, 300),
    st.text(max_size=6),
    st.lists(st.one_of(st.floats(-4, 4), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_value_anywhere_gives_a_contract_or_names_its_faults(data):
    tree = yaml.safe_load(TEXT)
    node, path = tree['actions'], []
    while isinstance(node, dict) and node:
        key = data.draw(st.sampled_from(sorted(node)))
        path.append((node, key))
        node = node[key]
        if data.draw(st.booleans()):
            break
    parent, key = path[-1]
    if data.draw(st.booleans()):
        parent[key] = data.draw(VALUE)
    else:
        parent[data.draw(st.text(min_size=1, max_size=5))] = data.draw(VALUE)
    try:
        contract = parse_contract(yaml.safe_dump(tree))
    except ContractError as error:
        assert error.problems and all(p.remedy for p in error.problems)
        return
    action = contract.action
    columns = (action.low, action.limit_low, action.limit_high, action.high)
    for low, limit_low, limit_high, high in zip(*columns, strict=True):
        assert low <= limit_low < limit_high <= high
    assert len(set(action.names)) == len(action.names) == contract.action_dim
