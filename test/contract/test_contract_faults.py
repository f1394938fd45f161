# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Faulty robot files: each fault is refused with its key, and all faults come at once."""

import copy
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.contract import (
    Contract,
    ContractError,
    contract_hash,
    interface_diff,
    interface_hash,
    load_contract,
    parse_contract,
)

REACHER = yaml.safe_load(load_contract('reacher').text)
# Two keys that contradict each other are blamed on one of them.
BLAMED = {
    ('control.tick.source', 'timer'): 'control.tick.stream',
    ('streams.camera.sampling', 'asof'): 'streams.camera.tolerance',
    ('action.kind', 'position'): 'action.safe',
    ('episode.reset', 'none'): 'episode.segment_ticks',
}


def with_value(key, value):
    """Return the reacher's file with one dotted key replaced, or removed where value is None."""
    data = copy.deepcopy(REACHER)
    *path, last = key.split('.')
    section = data
    for part in path:
        section = section[part]
    if value is None:
        del section[last]
    else:
        section[last] = value
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def problems_of(text):
    with pytest.raises(ContractError) as caught:
        parse_contract(text, 'robot.yaml')
    assert str(caught.value).startswith('robot.yaml: ')
    return caught.value.problems


@pytest.mark.parametrize(
    'key, value, words',
    [
        ('format', 3, 'update'),
        ('format', 'one', 'write format: 1'),
        ('format', True, 'write format: 1'),
        ('name', None, 'missing'),
        ('name', '../x', 'letter'),
        ('control.period', None, 'missing'),
        ('control.period', 0, 'more than|at least'),
        ('control.period', 400, 'at most 60'),
        ('control.period', float('nan'), 'plain number'),
        ('control.period', float('inf'), 'plain number'),
        ('control.period', '40 ms', 'plain number'),
        ('control.period', True, 'plain number'),
        ('control.period', 10**400, 'plain number'),
        ('control.rate', 25.0, 'not both'),
        ('control.command_offset', 0.05, 'whole number'),
        ('control.command_offset', 0.02, 'write 0.04'),
        ('control.command_offset', 0.0, 'more than 0'),
        ('control.command_offset', -0.04, 'more than 0'),
        ('control.command_rate', 60, 'write 50'),
        ('control.command_timeout', 0.01, 'at least one period'),
        ('control.frames_per_tick', 0, 'at least 1'),
        ('control.frames_per_tick', 1.5, 'whole number'),
        ('control.tick.source', 'clock', 'lockstep'),
        ('control.tick.source', 'timer', 'remove it'),
        ('control.tick.stream', 'camra', 'camera'),
        ('control.tick.stream', None, 'camera'),
        ('control.tick', 'stream', 'mapping'),
        ('control', None, 'missing'),
        ('streams', None, 'missing'),
        ('streams', {}, '1 to 32'),
        ('streams.camera.kind', 'picture', 'image'),
        ('streams.camera.topic', '/camera/image_raw/', 'single slashes'),
        ('streams.camera.topic', None, 'missing'),
        ('streams.camera.topic', 'a b', 'ROS name'),
        ('streams.camera.topic', 'camera\n', 'ROS name'),
        ('streams.camera.rate', 0, 'more than 0'),
        ('streams.camera.max_age', 0.121, '3 periods'),
        ('streams.camera.tolerance', 0.01, 'asof'),
        ('streams.camera.sampling', 'asof', 'how far'),
        ('streams.camera.stamp', 'headr', "did you mean 'header'"),
        ('streams.camera.record', 'rw', "did you mean 'raw'"),
        ('streams.camera.shape', [64, 64, 1], '64, 64, 3'),
        ('streams.camera.shape', [64, 64], '64, 64, 3'),
        ('streams.camera.shape', [10**6, 64, 3], 'sides up to'),
        ('streams.camera.encoding', 'bgr8', 'rgb8'),
        ('streams.camera.names', ['x'], 'no such key'),
        ('streams.joints.names', None, 'missing'),
        ('streams.joints.names', [], 'at least 1'),
        ('streams.joints.names', ['shoulder', 'shoulder'], 'second'),
        ('streams.joints.names', ['shoulder', 3], 'list'),
        ('streams.joints.fields', ['position', 'torque'], 'effort'),
        ('streams.joints.fields', 'velocity', 'list'),
        ('streams.joints.wrap', ['elbow'], 'shoulder, wrist'),
        ('streams.joints.record', 'compressed', 'only pictures'),
        ('action.kind', 'torque', 'effort'),
        ('action.names', ['wrist', 'wrist'], 'second'),
        ('action.low', [-0.05], '2 numbers'),
        ('action.low', [0.05, -0.05], 'less than'),
        ('action.low', [-0.05, float('-inf')], 'finite'),
        ('action.low', [0.01, -0.05], 'contains 0'),
        ('action.rate_limit', [0, 2.5], 'more than 0'),
        ('action.gravity_safe', False, 'gravity_safe: true'),
        ('action.gravity_safe', None, 'gravity_safe: true'),
        ('action.gravity_safe', 'yes', 'true or false'),
        ('action.safe', 'hold', 'safe: zero'),
        ('action.kind', 'position', 'safe: hold'),
        ('action.type', 'std_msgs/Float64', 'Float64MultiArray'),
        ('action', None, 'missing'),
        ('reward.sampling', 'mean', 'sum'),
        ('reward.topic', '//reward', 'single slashes'),
        ('episode.reset', 'none', 'how long'),
        ('episode.reset', None, 'missing'),
        ('episode.max_ticks', -1, 'at least 0'),
    ],
)
def test_fault_is_refused_by_key_and_remedy(key, value, words):
    text = with_value(key, value)

    found = problems_of(text)

    key = BLAMED.get((key, value if isinstance(value, str) else ''), key)
    assert any(p.key.startswith(key) and re.search(words, str(p)) for p in found), found


@pytest.mark.parametrize(
    'section, key, near',
    [
        ('control', 'perod', 'period'),
        ('streams.camera', 'max_ag', 'max_age'),
        ('action', 'ratelimit', 'rate_limit'),
        ('', 'strems', 'streams'),
    ],
)
def test_misspelt_key_is_answered_with_the_right_one(section, key, near):
    text = with_value(f'{section}.{key}'.lstrip('.'), 1)

    found = problems_of(text)

    assert any(f'did you mean {near!r}?' in str(problem) for problem in found)


def test_turning_joint_needs_its_position():
    (problem,) = problems_of(with_value('streams.joints.fields', ['velocity']))

    assert problem.key == 'streams.joints.wrap' and 'add position' in problem.remedy


def test_stream_that_triggers_ticks_must_be_as_fast_as_they_are():
    data = copy.deepcopy(REACHER)
    data['streams']['camera']['rate'] = 10.0

    assert any(p.key == 'control.tick.stream' for p in problems_of(yaml.safe_dump(data)))


def test_all_faults_are_listed_at_once():
    data = copy.deepcopy(REACHER)
    data['control']['period'] = 'fast'
    data['streams']['joints']['wrap'] = ['elbow']
    data['action']['high'] = [-1, 0.05]
    data['colour'] = 'red'

    keys = {problem.key for problem in problems_of(yaml.safe_dump(data))}

    assert keys == {'control.period', 'streams.joints.wrap', 'action.low[0]', 'colour'}


def test_second_action_group_is_refused_by_name():
    data = copy.deepcopy(REACHER)
    data['action'] = {'arm': data['action'], 'gripper': data['action']}

    (problem,) = problems_of(yaml.safe_dump(data))

    assert 'arm' in problem.value and 'gripper' in problem.value
    assert 'one action group' in problem.expected


def test_actions_in_the_plural_is_explained():
    data = copy.deepcopy(REACHER)
    data['actions'] = data.pop('action')

    assert any('put its keys under action' in str(p) for p in problems_of(yaml.safe_dump(data)))


@pytest.mark.parametrize(
    'text',
    [
        '',
        'null',
        '[]',
        '3',
        'a: [',
        'format: 1\nformat: 1',
        '!!python/object:os.system {}',
        'x: 2001-99-99',
        pytest.param('{' * 3000, id='brackets'),
        '? [a]\n: 1',
        '\x00',
        '- &a [*a]',
        'format: 1\n1: 2',
    ],
)
def test_what_is_no_robot_file_is_refused(text):
    assert problems_of(text)


def test_huge_file_is_refused_before_it_is_parsed():
    (problem,) = problems_of('#' * (256 * 1024 + 1))

    assert 'too large' in str(problem)


def test_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / 'robot.yaml'
    path.write_bytes(b'\xff\xfe\x00')

    with pytest.raises(ContractError, match='UTF-8'):
        load_contract(path)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_contract_or_one_clear_error(text):
    with pytest.raises(ContractError):
        parse_contract(text)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(['image', 'joints', 'effort', 'position', 'hold', 'zero', 'service']),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4)
    ),
    max_leaves=6,
)


def leaves(data, path=()):
    yield path
    if isinstance(data, dict):
        for key in data:
            yield from leaves(data[key], (*path, key))
    elif isinstance(data, list):
        for index in range(len(data)):
            yield from leaves(data[index], (*path, index))


PATHS = [path for path in leaves(REACHER) if path]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PATHS), VALUES), min_size=1, max_size=3))
def test_any_value_at_any_key_gives_a_sound_contract_or_one_clear_error(changes):
    data = copy.deepcopy(REACHER)
    for path, value in changes:
        section = data
        try:
            for part in path[:-1]:
                section = section[part]
            section[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took that place away

    try:
        contract = parse_contract(yaml.safe_dump(data, allow_unicode=True))
    except ContractError as error:
        assert error.problems
        return

    assert isinstance(contract, Contract)
    assert contract.offset_ticks >= 1 and contract.commands_per_tick >= 1
    assert all(
        low < high for low, high in zip(contract.action.low, contract.action.high, strict=True)
    )
    assert len(interface_hash(contract)) == len(contract_hash(contract)) == 64


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.lists(st.fixed_dictionaries({'name': st.text(max_size=3), 'x': inner}), max_size=2)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=4)


@settings(max_examples=150, deadline=None)
@given(OBJECTS, OBJECTS)
def test_difference_of_foreign_interfaces_is_empty_only_for_equal_ones(a, b):
    assert interface_diff(a, a) == []
    if interface_hash(a) != interface_hash(b):
        assert interface_diff(a, b)


def test_a_list_that_is_missing_is_shown_with_one_number_for_each_joint():
    data = copy.deepcopy(REACHER)
    joints = [f'j{i}' for i in range(7)]
    data['action'].update(names=joints, low=None, high=[0.05] * 7, rate_limit='fast')

    low, rate_limit = problems_of(yaml.safe_dump(data))

    for problem in (low, rate_limit):
        assert problem.remedy == 'write [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]'
        assert '7 numbers' in problem.expected


def test_a_robot_file_that_is_not_there_is_called_a_robot_file(tmp_path):
    with pytest.raises(ContractError, match=r'expected a robot file \(YAML\); check the path'):
        load_contract(tmp_path / 'my.yaml')
    with pytest.raises(ContractError, match=r'name is missing; expected the path of a robot file'):
        load_contract('')
