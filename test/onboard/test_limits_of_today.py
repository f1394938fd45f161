# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The planner keeps to the limits that the guard keeps to today, and says so over its status."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fake_bundle import FakeBundle
from hypothesis import given
from hypothesis import strategies as st
from onboard_contract import make_contract

from world_model_ros.onboard.agent.episode import Episode, Options
from world_model_ros.onboard.agent.thinking import Thinking
from world_model_ros.onboard.guard.guard_status import (
    GuardState,
    GuardStatus,
    read_status,
    status_json,
)
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.policy.collector import Collector
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.policy.swap import Swap
from world_model_ros.onboard.tick.observation import Observation

CONTRACT = make_contract()
SENT = np.zeros(2, np.float32)
PENDING = np.zeros((1, 2), np.float32)
STATUS = GuardStatus(GuardState.ACTIVE, 'chunk', '', True, '', '', '', '', '')


def seen():
    arrays = {'joints': np.array([0.1, -0.1, 0.0, 0.0], np.float32)}
    return Observation(0, arrays, np.zeros(2, np.float32), {}, True)


def make_robot(mind):
    swap = Swap(Model(mind, 'a', 1), lambda status: None)
    port = SimpleNamespace(warn=lambda text: None)
    thinking = Thinking(CONTRACT, swap, port, Options(), lockstep=True)
    episode = Episode.__new__(Episode)
    episode.noise_key, episode.explore = 7, True
    thinking.begin(episode)

    def think(tick):
        return thinking.step(seen(), SENT, PENDING, tick == 0, tick, episode, math.inf)

    return SimpleNamespace(thinking=thinking, swap=swap, think=think)


def minds():
    yield Brain(CONTRACT, FakeBundle(policy=(1.0, -1.0)))
    yield Brain(CONTRACT, FakeBundle(policy=(1.0, -1.0)), plan=False)
    yield Collector(CONTRACT, amplitude=1.0)


@pytest.mark.parametrize('mind', minds(), ids=['planner', 'policy', 'collector'])
def test_no_action_leaves_the_limits_and_without_them_it_would(mind):
    robot = make_robot(mind)
    low, high = CONTRACT.limit_low, CONTRACT.limit_high
    free = np.concatenate([robot.think(tick).chunk for tick in range(40)])
    narrow_low, narrow_high = 0.2 * low, 0.1 * high
    assert (free < narrow_low).any() or (free > narrow_high).any()
    robot.thinking.keep_within(tuple(map(float, narrow_low)), tuple(map(float, narrow_high)))
    kept = np.concatenate([robot.think(tick).chunk for tick in range(40, 80)])
    assert (kept >= narrow_low).all() and (kept <= narrow_high).all()
    robot.thinking.keep_within((), ())
    again = np.concatenate([robot.think(tick).chunk for tick in range(80, 120)])
    assert (again < narrow_low).any() or (again > narrow_high).any()


def test_a_model_that_takes_over_and_the_one_it_gives_back_to_keep_to_them_too():
    first, second = (Brain(CONTRACT, FakeBundle(policy=(1.0, -1.0)), plan=False) for _ in '12')
    robot = make_robot(first)
    high = tuple(map(float, 0.1 * CONTRACT.limit_high))
    robot.thinking.keep_within(tuple(map(float, CONTRACT.limit_low)), high)
    robot.swap.offer('b', 2, '/slot', lambda: Model(second, 'b', 2))
    robot.swap.load()
    assert robot.thinking.swap(safe=True)
    assert (robot.think(0).chunk <= np.float32(high)).all()
    high = tuple(map(float, 0.05 * CONTRACT.limit_high))
    robot.thinking.keep_within(tuple(map(float, CONTRACT.limit_low)), high)
    assert robot.swap.roll_back('a test')
    assert (robot.think(1).chunk <= np.float32(high)).all()


def test_limits_of_another_number_of_joints_change_nothing():
    robot = make_robot(Brain(CONTRACT, FakeBundle(policy=(1.0, -1.0)), plan=False))
    free = robot.think(0).chunk
    robot.thinking.keep_within((0.0,), (0.0,))
    np.testing.assert_array_equal(robot.think(1).chunk, free)


@given(st.lists(st.tuples(st.floats(-9, 0), st.floats(0.1, 9)), max_size=7))
def test_status_carries_them_bit_for_bit(box):
    low, high = tuple(a for a, _ in box), tuple(b for _, b in box)
    said, instance = read_status(status_json(replace(STATUS, low=low, high=high), 'one'))
    assert (said.low, said.high, instance) == (low, high, 'one')


def test_status_of_a_guard_that_does_not_know_them_is_read():
    said = json.loads(status_json(STATUS, 'one'))
    del said['low'], said['high']
    assert read_status(json.dumps(said))[0] == STATUS


@pytest.mark.parametrize(
    ('low', 'high'),
    [([0.0], []), ([1.0], [0.0]), (['0'], ['1']), ([True], [2.0]), ('x', 'y'), (None, None)],
)
def test_status_whose_limits_make_no_sense_is_refused(low, high):
    said = json.loads(status_json(STATUS, 'one')) | {'low': low, 'high': high}
    with pytest.raises(ValueError, match='low'):
        read_status(json.dumps(said))
