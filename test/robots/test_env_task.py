# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Env of a robot with a task and several command groups."""

import numpy as np
import pytest

from world_model_ros.contract import parse_contract
from world_model_ros.robots import make_env
from world_model_ros.robots.bodies import BodyError

TEXT = """
format: 2
name: arm_and_wheel
control: {period: 0.04, tick: {source: lockstep}, command_rate: 25, command_timeout: 0.2}
streams:
  joints:
    kind: joints
    topic: joint_states
    rate: 25
    max_age: 0.1
    names: [arm, wheel]
    fields: [position]
actions:
  arm:
    topic: arm/command
    kind: position
    names: [arm]
    low: [-2]
    high: [2]
    limits: {low: [-1], high: [1], velocity: [5]}
    safe: hold
  base:
    topic: base/command
    kind: velocity
    names: [wheel]
    low: [-1]
    high: [1]
    limits: {acceleration: [50]}
    safe: zero
task: {names: [goal], low: [-1], high: [1], default: [0.5]}
episode: {reset: service}
"""
ROBOT = parse_contract(TEXT)


class Body:
    """The arm is where it is told; the wheel turns."""

    frame_s = 0.04
    actuators = ('wheel', 'arm')
    command_kinds = ('position', 'velocity')

    def reset(self, rng):
        self.at, self.command = {'wheel': 0.0, 'arm': 0.25}, np.array([0.0, 0.25])

    def set_reality(self, reality):
        pass

    def apply(self, command):
        self.command = np.array(command)

    def advance(self):
        self.at = {'wheel': self.at['wheel'] + 0.04 * self.command[0], 'arm': self.command[1]}

    def joints(self):
        return {name: (at, 0.0, 0.0) for name, at in self.at.items()}

    def reward(self):
        return 0.0

    def terminal(self):
        return False

    def close(self):
        pass


class Goal(Body):
    """A body that knows of tasks."""

    def set_task(self, values):
        self.goal = values

    def reward(self):
        return -abs(self.at['arm'] - float(self.goal[0]))


def test_a_task_is_seen_at_every_tick_and_decides_the_reward():
    env = make_env(ROBOT, 1, body=Goal())
    step = env.reset(3, task=np.array([0.25]))
    assert step.arrays['task'].tolist() == [0.25] and step.ages.tolist() == [0.0, 0.0]
    assert env.step(np.array([0.25, 0.0])).reward == pytest.approx(0.0)
    assert env.step(np.array([0.0, 0.0])).arrays['task'].tolist() == [0.25]


def test_without_one_a_task_is_drawn_from_the_seed_within_its_range():
    env = make_env(ROBOT, 1, body=Goal())
    drawn = [float(env.reset(seed).arrays['task'][0]) for seed in (1, 2, 3, 1)]
    assert drawn[0] == drawn[3] and len(set(drawn)) == 3
    assert all(-1.0 <= goal <= 1.0 for goal in drawn)


def test_a_body_that_knows_no_task_gets_the_default():
    env = make_env(ROBOT, 1, body=Body())
    assert env.reset(1).arrays['task'].tolist() == [0.5]
    assert not env.robot.draws_task and make_env(ROBOT, 1, body=Goal()).robot.draws_task


def test_each_group_rests_and_moves_as_its_kind_says():
    env = make_env(ROBOT, 1, body=Body())
    step = env.reset(1)
    assert step.pending.tolist() == [[0.25, 0.0]]  # the arm is held where it is
    for _ in range(30):
        step = env.step(np.array([2.0, 0.5]))
    assert step.action_sent.tolist() == [1.0, 0.5]  # the limit of today, inside of high
    assert step.arrays['joints'][0] == 1.0 and step.arrays['joints'][1] > 0.4


def test_a_body_that_takes_other_kinds_is_refused():
    class Efforts(Body):
        command_kinds = ('effort',)

    with pytest.raises(BodyError, match='not position and velocity'):
        make_env(ROBOT, 1, body=Efforts())
