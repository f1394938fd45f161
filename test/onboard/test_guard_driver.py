# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A driver that faults, and an arm that does not follow: the agent is stopped, and goes on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_contract import make_action, make_contract

from world_model_ros.contract.schema import Driver
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.following import Following
from world_model_ros.onboard.guard.reasons import ReasonKind, kinds_number, kinds_of
from world_model_ros.robots.unfriendly_driver import DriverLimits
from world_model_ros.robots.unfriendly_physics import UnfriendlyArm

MS = 1_000_000
NAMES = ('shoulder', 'wrist')
RATE, ACCELERATION = 1.0, 4.0
CHUNKS = ('chunk', 'chunk_rest')


def contract(following_error=(0.06, 0.06), **driver):
    ones = (1.0, 1.0)
    action = make_action(
        kind='position',
        safe='hold',
        low=(-1, -1),
        high=ones,
        rate_limit=(RATE, RATE),
        acceleration_limit=(ACCELERATION, ACCELERATION),
        following_error=following_error,
    )
    return make_contract(action=action, driver=Driver(**driver))


class Robot:
    """The guard before the lagging, sagging arm, and an agent that swings it."""

    def __init__(self, contract, **arm):
        self.guard = Guard(contract)
        limits = DriverLimits(
            np.full(2, -1.0),
            np.full(2, 1.0),
            np.full(2, RATE),
            np.full(2, ACCELERATION),
            0.02,
            0.2,
            0.05,
        )
        self.arm = UnfriendlyArm(NAMES, 'position', limits, np.zeros(2))
        for name, value in arm.items():
            setattr(self.arm, name, value)
        self.t_ms, self.begun_ms = 0, 0
        self.commands = []
        self.arm.advance(0.0)
        assert self.guard.activate(self.arm.position) == ''
        for _ in range(5):  # as after an activation: at rest until the driver listens
            self.step(speaks=False)
        self.begun_ms, self.commands = self.t_ms, []

    def step(self, reach=0.5, speaks=True):
        """20 ms: the agent speaks, the guard commands, the arm moves."""
        self.t_ms += 20
        phase = 1.2 * 1e-3 * (self.t_ms - self.begun_ms + 40 * np.arange(4)[:, None])
        rows = np.tile(reach * np.sin(phase), (1, 2))
        times = [(self.t_ms + 40 * i) * MS for i in range(4)]
        if speaks:
            self.guard.on_chunk(NAMES, times, rows, self.t_ms * 1e-3)
        now_s = self.t_ms * 1e-3
        self.arm.advance(now_s)
        command = self.guard.sample(self.t_ms * MS, now_s, self.arm.position.copy())
        self.arm.command(command.values, now_s)
        self.commands.append(command)
        return command

    def until(self, done, limit=500):
        for _ in range(limit):
            if done(self.step()):
                return self.commands[-1]
        raise AssertionError(self.commands[-1])

    def release(self):
        self.begun_ms = self.t_ms  # the agent plans from where it is
        return self.guard.release_stop(self.arm.position.copy())

    def assert_no_jump(self):
        values = np.array([command.values for command in self.commands])
        assert np.all(np.abs(np.diff(values, axis=0)) <= RATE * 0.02 + 1e-9)


def kinds(command):
    return {reason.kind for reason in command.reasons}


@pytest.mark.parametrize('lag', [0.0, 0.05, 0.15])
def test_an_arm_that_lags_and_sags_but_follows_is_no_fault(lag):
    robot = Robot(contract(), lag_s=lag)
    for _ in range(600):
        assert robot.step().source in CHUNKS
    assert not robot.guard.stopped


def test_an_arm_that_sticks_is_stopped_named_and_goes_on_after_the_release():
    robot = Robot(contract())
    for _ in range(20):
        robot.step()
    robot.arm.by_hand = {1: float(robot.arm.position[1])}
    command = robot.until(lambda command: command.source == 'stopped')
    assert {ReasonKind.STOPPED, ReasonKind.PATH_TOLERANCE} <= kinds(command)
    assert 'wrist' in robot.guard.stop_reason and '0.06' in robot.guard.stop_reason
    # Noticed within the tolerance, the sag, and what the allowed delay hides.
    assert abs(command.values[1] - robot.arm.position[1]) < 0.06 + 0.01 + RATE * 0.2 + 0.03

    # It rests; where the joint is becomes the target, so that the motor does not press on.
    for _ in range(60):
        assert robot.step().source == 'stopped'
    assert abs(robot.commands[-1].values[1] - robot.arm.position[1]) < 1e-6

    # Released while it still sticks: stopped again. Then free: it acts, from where it is.
    assert robot.release() == ''
    robot.until(lambda command: command.source == 'stopped')
    robot.arm.by_hand = {}
    for _ in range(60):
        robot.step()
    assert robot.release() == ''
    for _ in range(200):
        assert robot.step().source in CHUNKS
    robot.assert_no_jump()
    assert robot.arm.fault == ''


def test_without_following_error_nothing_is_compared():
    robot = Robot(contract(following_error=()))
    robot.arm.by_hand = {1: 0.0}
    for _ in range(200):
        assert robot.step().source in CHUNKS


def test_a_joint_that_is_behind_by_a_hair_more_than_allowed_is_named():
    following = Following(contract(following_error=(0.1, 0.2)))
    following.begin(np.zeros(2))
    assert following.behind(np.array([0.1, -0.2])) == ''
    assert following.behind(None) == ''
    assert 'wrist is at -0.21' in following.behind(np.array([0.1, -0.21]))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=60),
    st.integers(0, 8),
)
def test_what_was_commanded_within_the_delay_is_never_behind(sent, ago):
    """A pure delay of up to command_delay is no following error, whatever is commanded."""
    following = Following(contract(following_error=(0.05, 0.05), command_delay_s=0.2))
    following.begin(np.full(2, sent[0]))
    for i, value in enumerate(sent):
        following.sent(np.full(2, value))
        assert following.behind(np.full(2, sent[max(0, i - ago)])) == ''


# Faults


def test_a_fault_stops_and_holds_until_it_is_gone_and_released():
    robot = Robot(contract())
    for _ in range(20):
        robot.step()
    robot.arm.hardware_stop()
    assert robot.guard.set_fault(ReasonKind.DRIVER_FAULT, 'brakes are on')
    assert not robot.guard.set_fault(ReasonKind.DRIVER_FAULT, 'brakes are on')
    command = robot.step()
    assert command.source == 'stopped' and ReasonKind.DRIVER_FAULT in kinds(command)
    assert robot.release() == 'brakes are on'

    # With the brakes on it is moved by hand: the command comes along, within its limits.
    robot.arm.by_hand = {0: 0.6}
    for _ in range(200):
        assert robot.step().source == 'stopped'
    robot.arm.release_hand()
    assert np.all(np.abs(robot.commands[-1].values - robot.arm.position) <= 0.05)

    robot.arm.hardware_release()
    for _ in range(20):
        robot.step()
    assert robot.arm.fault == ''  # no first command that is a step
    assert robot.guard.set_fault(ReasonKind.DRIVER_FAULT, '') is False
    assert robot.step().source == 'stopped'  # a person decides
    assert robot.release() == ''
    for _ in range(200):
        assert robot.step(reach=0.3).source in CHUNKS
    robot.assert_no_jump()
    assert robot.arm.fault == ''


def test_a_fault_while_inactive_latches_nothing_and_refuses_the_activation():
    guard = Guard(contract())
    assert guard.set_fault(ReasonKind.DRIVER_FAULT, 'too hot') is False
    assert guard.activate(np.zeros(2)) == 'too hot'
    guard.set_fault(ReasonKind.DRIVER_FAULT, '')
    assert not guard.stopped and guard.activate(np.zeros(2)) == ''


def test_two_faults_are_both_present_and_one_does_not_end_the_other():
    guard = Guard(contract())
    assert guard.activate(np.zeros(2)) == ''
    guard.set_fault(ReasonKind.DRIVER_FAULT, 'hot')
    guard.set_fault(ReasonKind.PATH_TOLERANCE, 'off')
    guard.set_fault(ReasonKind.DRIVER_FAULT, '')
    assert guard.release_stop(np.zeros(2)) == 'off'


def test_the_kinds_are_bits_of_their_own():
    new = (ReasonKind.PATH_TOLERANCE, ReasonKind.DRIVER_FAULT)
    numbers = [kind.bit for kind in ReasonKind]
    assert len(set(numbers)) == len(numbers)
    guard = Guard(contract())
    assert guard.activate(np.zeros(2)) == ''
    for kind in new:
        guard.set_fault(kind, 'x')
    command = guard.sample(0, 0.0, np.zeros(2))
    assert ReasonKind.PATH_TOLERANCE in kinds_of(kinds_number(command.reasons))
