# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a driver says at a reset, and whose task the next episode has."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.reset_answer import ResetAnswer, read_reset_answer

NOW_NS = 123
BASE = load_contract(find_robot('diff_drive'))
RED, BLUE, GREEN = (
    dict(zip(BASE.task.names, row, strict=True))
    for row in ([1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0])
)


def test_an_answer_says_when_the_new_start_is_and_what_to_do_there():
    text = json.dumps({'stamp_ns': 5, 'seed': 2, 'task': BLUE})
    assert read_reset_answer(text, NOW_NS) == ResetAnswer(5, BLUE)
    assert read_reset_answer('{"stamp_ns": 5}', NOW_NS) == ResetAnswer(5)


@pytest.mark.parametrize('text', ['', 'the robot is at its home', '[1]', '{"stamp_ns": "soon"}'])
def test_words_for_people_count_from_the_time_of_the_answer(text):
    assert read_reset_answer(text, NOW_NS) == ResetAnswer(NOW_NS)


@pytest.mark.parametrize('task', [5, 'red', ['red'], {'red': 'yes'}, {'red': True}])
def test_a_task_that_is_no_table_of_numbers_is_refused(task):
    with pytest.raises(ValueError, match='expected a number by name'):
        read_reset_answer(json.dumps({'stamp_ns': 5, 'task': task}), NOW_NS)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    st.text(max_size=60)
    | st.dictionaries(st.sampled_from(['stamp_ns', 'task', 'seed']), _JSON).map(json.dumps)
)
def test_whatever_a_driver_says_is_an_answer_or_a_value_error(text):
    try:
        answer = read_reset_answer(text, NOW_NS)
    except ValueError:
        return
    assert type(answer.stamp_ns) is int
    assert answer.task is None or all(type(v) is float for v in answer.task.values())


def test_each_episode_has_the_task_that_the_robot_drew():
    inputs = Inputs(BASE)
    assert inputs.begin_task() == RED  # the default: nobody has said anything
    inputs.put_robots_task(BLUE)
    assert inputs.begin_task() == BLUE
    assert inputs.assembler.task.tolist() == list(BLUE.values())


def test_a_persons_task_stays_until_that_person_lets_go_of_it():
    inputs = Inputs(BASE)
    inputs.put_task(GREEN)
    inputs.put_robots_task(BLUE)
    assert inputs.begin_task() == GREEN
    inputs.put_task({})
    assert inputs.begin_task() == GREEN  # of a robot that says nothing
    inputs.put_robots_task(BLUE)
    assert inputs.begin_task() == BLUE


def test_a_task_that_the_robot_cannot_have_changes_nothing():
    inputs = Inputs(BASE)
    inputs.put_robots_task(BLUE)
    for wrong in ({'red': 1.0}, {**RED, 'red': 2.0}, {**RED, 'red': float('nan')}):
        with pytest.raises(ValueError, match='task'):
            inputs.put_robots_task(wrong)
    assert inputs.begin_task() == BLUE


def test_a_robot_without_tasks_may_say_what_it_likes():
    inputs = Inputs(load_contract(find_robot('reacher')))
    inputs.put_robots_task(BLUE)
    assert inputs.begin_task() == {}


def test_float32_numbers_of_a_task_survive_the_answer():
    drawn = np.array([0.1, 0.2, 0.3, 0.7], np.float32)
    text = json.dumps({'task': dict(zip(BASE.task.names, drawn.tolist(), strict=True))})
    inputs = Inputs(BASE)
    inputs.put_robots_task(read_reset_answer(text, NOW_NS).task)
    inputs.begin_task()
    np.testing.assert_array_equal(inputs.assembler.task, drawn)
