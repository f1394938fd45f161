# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The way home: slow, inside the limits, only where nothing else moves the robot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_contract import make_action, make_contract

from world_model_ros.contract.schema import Driver
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.reasons import ReasonKind

MS = 1_000_000
NAMES = ('shoulder', 'wrist')
HOME = np.array([0.4, -0.3])
SPEED = 0.25


def contract(home=tuple(HOME)):
    action = make_action(
        kind='position',
        safe='hold',
        low=(-1, -1),
        high=(1, 1),
        rate_limit=(1.0, 0.5),
        acceleration_limit=(4.0, 4.0),
        home=home,
    )
    return make_contract(action=action, driver=Driver(home_speed=SPEED))


class Robot:
    """A guard and a robot that is where it is commanded to be."""

    def __init__(self, here=(0.0, 0.0), **changes):
        self.guard, self.t_ms = Guard(contract(**changes)), 0
        self.here, self.commands = np.array(here, float), []
        assert self.guard.activate(self.here) == ''
        self.step()

    def step(self):
        self.t_ms += 20
        command = self.guard.sample(self.t_ms * MS, self.t_ms * 1e-3, self.here)
        self.here = command.values.copy()
        self.commands.append(command)
        return command

    def chunk(self, teleop=False, values=(0.1, 0.1)):
        times = [(self.t_ms + 20 + 40 * i) * MS for i in range(3)]
        rows = np.tile(values, (3, 1))
        return self.guard.on_chunk(NAMES, times, rows, self.t_ms * 1e-3, teleop)

    def go(self):
        return self.guard.go_home(self.t_ms * MS, self.here)


@settings(max_examples=25)
@given(st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
def test_it_arrives_slowly_in_a_straight_line_and_holds(start):
    robot = Robot(start)
    assert robot.go() == ''
    for _ in range(1000):
        if robot.step().source != 'home':
            break
    else:
        raise AssertionError(robot.here)
    np.testing.assert_allclose(robot.here, HOME, atol=1e-6)
    steps = np.abs(np.diff([command.values for command in robot.commands], axis=0))
    # A little more than its share where it catches up with the line after speeding up.
    assert np.all(steps <= 2.0 * SPEED * np.array([1.0, 0.5]) * 0.02 + 1e-9)
    expected_s = max(0.5, np.max(np.abs(HOME - start) / (SPEED * np.array([1.0, 0.5]))))
    assert expected_s <= 0.02 * len(robot.commands) <= expected_s + 1.0
    for _ in range(20):
        np.testing.assert_allclose(robot.step().values, HOME, atol=1e-6)


def test_the_words_name_joints_places_and_time():
    robot = Robot()
    assert robot.guard.way_home == 'shoulder 0 -> 0.4, wrist 0 -> -0.3 within 2.4 s'


def test_chunks_of_the_agent_do_not_count_on_the_way_and_count_afterwards():
    robot = Robot()
    assert robot.go() == ''
    robot.step()
    assert 'goes home' in robot.chunk()
    assert ReasonKind.REFUSED in {reason.kind for reason in robot.step().reasons}
    while robot.step().source == 'home':
        pass
    assert robot.chunk() == ''
    assert robot.step().source == 'chunk'


@pytest.mark.parametrize('teleop', [False, True])
def test_it_is_refused_while_somebody_moves_the_robot(teleop):
    robot = Robot()
    robot.chunk(teleop)
    robot.step()
    assert 'is being moved' in robot.go()


def ended(robot, act):
    assert robot.go() == ''
    for _ in range(5):
        assert robot.step().source == 'home'
    act()
    source = robot.step().source
    for _ in range(60):
        assert robot.step().source != 'home'
    assert np.any(np.abs(robot.here - HOME) > 0.05)
    return source


def test_whatever_takes_over_ends_it():
    robot = Robot()
    assert ended(robot, lambda: robot.chunk(teleop=True, values=(0.0, 0.0))) == 'teleop'
    assert ended(robot, lambda: robot.guard.enable(False)) == 'disabled'
    assert 'disabled' in robot.go()
    assert robot.guard.enable(True, robot.here) == ''
    robot.step()
    assert ended(robot, lambda: robot.guard.set_foreign('another node')) == 'safe'
    assert 'another node' in robot.go()
    robot.guard.set_foreign('')
    assert ended(robot, lambda: robot.guard.stop('test')) == 'stopped'
    assert 'stopped' in robot.go()
    robot.guard.release_stop(robot.here)
    assert ended(robot, robot.guard.deactivate) == 'inactive'
    assert 'inactive' in robot.go()


def test_without_a_home_there_is_no_way():
    robot = Robot(home=())
    assert not robot.guard.homing.possible and 'names no home' in robot.go()


def test_a_way_that_is_held_up_ends():
    robot = Robot()
    assert robot.go() == ''
    robot.guard._stepping.motion.to = lambda *_: None  # as if something were in the way
    for _ in range(500):
        last = robot.step()
    assert last.source == 'safe'


def test_a_sample_that_was_due_before_the_confirmation_does_not_end_it():
    robot = Robot()
    assert robot.guard.go_home((robot.t_ms + 25) * MS, robot.here) == ''  # the next is due before
    assert robot.step().source == 'home'
    for _ in range(200):
        robot.step()
    np.testing.assert_allclose(robot.here, HOME, atol=1e-5)


def test_it_is_refused_while_the_guard_may_not_move_the_robot():
    robot = Robot()
    robot.guard.sample((robot.t_ms + 20) * MS, 0.02, robot.here, 'just activated')
    assert robot.guard.go_home((robot.t_ms + 21) * MS, robot.here) == 'just activated'
    robot.t_ms += 20
    robot.step()
    assert robot.go() == '' and robot.step().source == 'home'
