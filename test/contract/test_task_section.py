# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `task`: one more vector stream that nobody publishes, by name and within ranges."""

import math
from pathlib import Path

import numpy as np
import pytest

from world_model_ros.contract import ContractError, contract_hash, interface_hash, parse_contract
from world_model_ros.contract.meaning import meaning
from world_model_ros.contract.task_section import task_option, task_values

TEXT = (Path(__file__).parents[1] / 'fixtures' / 'contract_format2.yaml').read_text()
WITHOUT = TEXT[: TEXT.index('task:')] + TEXT[TEXT.index('reward:') :]
ROBOT = parse_contract(TEXT)


def test_a_task_is_the_last_stream_and_has_no_messages():
    assert ROBOT.streams[-1] is ROBOT.task and ROBOT.task not in ROBOT.sensed
    assert ROBOT.task in ROBOT.vector_streams and ROBOT.task.shape == (2,)
    assert ROBOT.task.dtype == np.float32
    assert task_option(ROBOT.task, 'default').tolist() == [0.5, 0.0]
    plain = parse_contract(WITHOUT)
    assert plain.task is None and plain.sensed == plain.streams == ROBOT.sensed
    assert ('task', 'goal_x (-1 to 1), goal_y (-1 to 1); set for an episode, topic '
            'agent/set_task') in list(meaning(ROBOT))  # fmt: skip


def test_its_range_is_part_of_the_interface_and_its_default_is_not():
    other = parse_contract(TEXT.replace('default: [0.5, 0.0]', 'default: [0.0, 0.0]'))
    assert interface_hash(other) == interface_hash(ROBOT)
    assert contract_hash(other) != contract_hash(ROBOT)
    wider = parse_contract(
        TEXT.replace('high: [1.0, 1.0]\n  default', 'high: [2.0, 1.0]\n  default')
    )
    assert interface_hash(wider) != interface_hash(ROBOT)
    assert interface_hash(parse_contract(WITHOUT)) != interface_hash(ROBOT)


@pytest.mark.parametrize(
    'old, new, key',
    [
        ('default: [0.5, 0.0]', 'default: [1.5, 0.0]', 'task.default[0]'),
        ('  default: [0.5, 0.0]\n', '', 'task.default'),
        ('names: [goal_x, goal_y]', 'names: [goal_x, goal_x]', 'task.names'),
        ('low: [-1.0, -1.0]\n  high', 'low: [-1.0, 1.0]\n  high', 'task.low[1]'),
        ('  wrist:\n    kind: image', '  task:\n    kind: image', 'task'),
        (
            'kind: joints\n    topic: joint_states',
            'kind: task\n    topic: x',
            'streams.joints.kind',
        ),
    ],
)
def test_faults_of_a_task_are_named(old, new, key):
    assert old in TEXT
    with pytest.raises(ContractError) as caught:
        parse_contract(TEXT.replace(old, new, 1))
    assert key in [problem.key for problem in caught.value.problems]


def test_format_1_has_no_task():
    with pytest.raises(ContractError, match='task'):
        parse_contract(TEXT.replace('format: 2', 'format: 1'))


def test_a_task_is_taken_by_name_and_within_its_ranges():
    values = task_values(ROBOT.task, {'goal_y': -0.25, 'goal_x': 1.0})
    assert values.dtype == np.float32 and values.tolist() == [1.0, -0.25]


@pytest.mark.parametrize(
    'given, said',
    [
        ({}, 'expected a number for each of goal_x, goal_y'),
        ({'goal_x': 0.0}, 'a task of goal_x'),
        ({'goal_x': 0.0, 'goal_y': 0.0, 'speed': 1.0}, 'speed'),
        ({'goal_x': 2.0, 'goal_y': 0.0}, 'goal_x is 2: expected -1 to 1'),
        ({'goal_x': 0.0, 'goal_y': math.nan}, 'goal_y is nan'),
    ],
)
def test_what_is_no_task_of_the_robot_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        task_values(ROBOT.task, given)
