# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The judge of `chaos guard` finds each broken rule, and nothing in a run that keeps them all."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from world_model_ros.bench.chaos import guard_log as done
from world_model_ros.bench.chaos.guard_log import Command, Facts, Mark, Measured, RunLog
from world_model_ros.bench.chaos.guard_rules import judge

P, RATE, ACC, SAG = 1 / 60, 1.0, 4.0, 0.01
ONE = np.ones(2)


def facts(kind='position'):
    return Facts(
        kind, ('a', 'b'), -ONE, ONE, RATE * ONE, ACC * ONE if kind == 'position' else None,
        2.0 * RATE * ONE, P, 0.2, 0.05, 0.02, 0.03,
    )  # fmt: skip


def motion(*phases, start=0.0):
    """Positions of one joint: (seconds, speed wanted) within rate and acceleration."""
    value, speed, values = start, 0.0, []
    for seconds, wanted in phases:
        for _ in range(round(seconds / P)):
            speed += np.clip(wanted - speed, -ACC * P, ACC * P)
            value += speed * P
            values.append(value)
    return values


GOOD = motion((0.3, 0.0), (0.5, 0.8), (1.2, 0.0))  # at rest, moving, at rest; 2 s in all
STOP_S = 0.85  # just after it began to brake


class Run:
    """A log under construction; time 0 is the call of the activation, answered at 0.05."""

    def __init__(self, values=GOOD, kind='position', at=0.0):
        self.log = RunLog(facts(kind), 0.0, 10.0)
        for n, value in enumerate(values):
            self.command(0.06 + n * P, value, n + 1)
        for t in np.arange(-0.5, 10.0 if len(values) else -0.5, 0.01):
            where = np.interp(t - 0.05, 0.06 + np.arange(len(values)) * P, values)
            here = (where - SAG) if t > 0.1 else values[0]
            self.log.measured.append(Measured(t, (here if kind == 'position' else at) * ONE))
        self.mark(done.ACTIVATE, 0.0, 0.05)
        for t in np.arange(0.1, 0.6, 0.033):
            self.mark(done.CHUNK, t)

    def command(self, at_s, value, number, foreign=False):
        self.log.commands.append(Command(at_s, at_s, number, value * ONE, foreign))

    def mark(self, name, begin_s, end_s=None, ok=True):
        self.log.marks.append(Mark(name, begin_s, begin_s if end_s is None else end_s, ok))
        self.log.marks.sort(key=lambda mark: mark.begin_s)
        return self

    def end(self, name=done.DEACTIVATE, begin_s=2.0, end_s=2.1):
        return self.mark(name, begin_s, end_s)

    def chunks(self, begin_s, end_s):
        for t in np.arange(begin_s, end_s, 0.033):
            self.mark(done.CHUNK, t)
        return self

    def rules(self):
        self.log.commands.sort(key=lambda command: command.sent_s)
        return {violation.rule for violation in judge(self.log, Counter())}


def test_a_run_that_keeps_every_rule_has_no_violation():
    run = Run().end().mark(done.STOP, STOP_S, STOP_S + 0.01)
    assert run.rules() == set()


@pytest.mark.parametrize('kind', ['velocity', 'effort'])
def test_zero_may_be_reached_at_the_stop_rate(kind):
    up = np.arange(1, 31) * RATE * P
    down = np.clip(up[-1] - np.arange(1, 60) * 2 * RATE * P, 0.0, None)
    assert Run([*np.zeros(10), *up, *down], kind).end(begin_s=1.65).rules() == set()
    down = np.clip(up[-1] - np.arange(1, 60) * 3 * RATE * P, 0.0, None)
    found = Run([*np.zeros(10), *up, *down], kind).end(begin_s=1.65).rules()
    assert found == {'step beyond the rate limit'}


@pytest.mark.parametrize(
    ('values', 'rule'),
    [
        ([*GOOD[:60], *(np.array(GOOD[60:]) + 0.03)], 'step beyond the rate limit'),
        ([*GOOD[:60], *(np.array(GOOD[60:]) + 0.004)], 'step beyond the acceleration limit'),
        (np.array(GOOD) + 0.9, 'outside of the box'),
        ([*GOOD[:40], *([GOOD[39]] * 80)], 'step beyond the acceleration limit'),
    ],
)
def test_steps(values, rule):
    assert rule in Run(values).end().rules()


def test_the_first_command_is_where_the_robot_is():
    run = Run().end()
    run.log.measured = [Measured(m.at_s, m.position + 0.1) for m in run.log.measured]
    assert run.rules() == {'first command is not where the robot is'}
    run.log.measured = [m for m in run.log.measured if m.at_s > 1.0]
    assert run.rules() == {'activated without positions'}


def test_outside_of_the_box_is_held_or_left_inwards():
    inwards = np.array(motion((0.2, 0.0), (0.6, -0.5), (1.2, 0.0), start=1.1))
    held = Run(np.full(120, 1.1)).end().chunks(0.6, 2.0)
    assert held.rules() == set()
    assert Run(inwards).end().chunks(0.6, 2.0).rules() == {'moves while outside of its box'}
    by_hand = Run(inwards).end().chunks(0.6, 2.0)
    for t in np.arange(0.2, 0.9, 0.05):
        by_hand.mark(done.TELEOP, t)
    assert by_hand.rules() == set()
    assert 'outside of the box' in Run(2.2 - inwards).end().rules()


def test_nothing_is_sent_without_an_activation():
    run = Run().end(begin_s=1.5, end_s=1.6)
    assert run.rules() == {'commanded while not activated'}
    run.log.marks = [mark for mark in run.log.marks if mark.name != done.ACTIVATE]
    assert run.rules() == {'commanded while not activated'}


@pytest.mark.parametrize(
    ('name', 'rule'),
    [(done.STOP, 'moves while stopped'), (done.DISABLE, 'moves while disabled')],
)
def test_what_is_stopped_or_disabled_rests_and_stays_there(name, rule):
    again = [*GOOD, *motion((0.5, 0.3), (0.5, 0.0), start=GOOD[-1])]
    run = Run(again).mark(name, STOP_S, STOP_S + 0.01).end(begin_s=3.0, end_s=3.1)
    run.chunks(0.6, 3.0)
    assert run.rules() == {rule}
    run.mark(done.RELEASE if name == done.STOP else done.ENABLE, 2.0, 2.01)
    assert run.rules() == set()


def test_a_stop_in_motion_that_goes_on_is_seen():
    late = motion((0.3, 0.0), (1.0, 0.6), (0.7, 0.0))
    run = Run(late).mark(done.STOP, 0.5, 0.51).end().chunks(0.6, 2.0)
    assert run.rules() == {'moves while stopped'}


def test_a_hold_is_taken_again_only_from_far_away():
    again = [*GOOD, *motion((0.1, -0.1), (0.5, 0.0), start=GOOD[-1])]
    run = Run(again).mark(done.STOP, STOP_S, STOP_S + 0.01).end(begin_s=2.6, end_s=2.7)
    assert run.rules() == {'moves while stopped'}
    pushed = [
        Measured(m.at_s, m.position - (0.06 if m.at_s > 1.8 else 0.0)) for m in run.log.measured
    ]
    run.log.measured = pushed
    assert run.rules() == set()


def test_a_hold_that_was_taken_again_goes_on_where_another_reason_follows():
    again = [*GOOD, *motion((0.8, -0.1), (0.5, 0.0), start=GOOD[-1])]
    run = Run(again).mark(done.STOP, STOP_S, STOP_S + 0.01).end(begin_s=3.4, end_s=3.5)
    run.mark(done.DISABLE, 2.2, 2.21)  # in the middle of the way to where it was pushed
    assert run.rules() == {'moves while stopped'}
    run.log.measured = [
        Measured(m.at_s, m.position - (0.1 if m.at_s > 1.8 else 0.0)) for m in run.log.measured
    ]
    assert run.rules() == set()


def test_a_hold_may_begin_in_the_middle_of_braking():
    values = motion((0.3, 0.0), (0.5, 0.8), (0.1, 0.2), (0.42, 0.1), (0.6, 0.0))
    run = Run(values).mark(done.STOP, STOP_S, STOP_S + 0.01).end(begin_s=2.0, end_s=2.1)
    run.mark(done.DISABLE, STOP_S + 0.02, STOP_S + 0.03)
    released = STOP_S + 0.2
    assert run.mark(done.RELEASE, released, released + 0.01).rules() == set()
    late = Run(motion((0.3, 0.0), (0.5, 0.8), (0.5, 0.0), (0.4, -0.1), (0.4, 0.0)))
    late.mark(done.STOP, STOP_S, STOP_S + 0.01).end(begin_s=2.1, end_s=2.2)
    late.mark(done.RELEASE, released, released + 0.01).mark(done.DISABLE, STOP_S + 0.02)
    assert late.rules() == {'moves while disabled'}


def test_without_an_agent_it_rests():
    late = motion((0.3, 0.0), (1.0, 0.6), (0.7, 0.0))
    assert Run(late).end().rules() == {'moves while without an agent'}
    assert Run(late).end().chunks(0.6, 1.3).rules() == set()


@pytest.mark.parametrize(
    ('values', 'rules'),
    [(GOOD, set()), (motion((0.3, 0.0), (1.0, 0.8), (0.7, 0.0)), {'moves while stopped'})],
    ids=['rests', 'goes on'],
)
def test_a_slow_simulated_clock_takes_longer_to_rest(values, rules):
    run = Run(values).mark(done.STOP, STOP_S, STOP_S + 0.01).end(begin_s=5.6, end_s=5.7)
    for n, c in enumerate(run.log.commands):
        if c.sent_s > STOP_S:
            run.log.commands[n] = dataclasses.replace(c, sent_s=STOP_S + 4.0 * (c.sent_s - STOP_S))
    assert run.rules() == rules


@pytest.mark.parametrize(
    ('ended', 'rules'),
    [(done.GUARD_KILLED, set()), (done.GUARD_ENDED, {'ended in motion'})],
)
def test_only_a_killed_guard_may_leave_a_moving_command(ended, rules):
    run = Run(GOOD[:40]).end(ended, 0.06 + 40 * P, 0.06 + 41 * P)
    assert run.rules() == rules


def test_a_guard_that_hung_has_time_to_come_to_rest_afterwards():
    run = (
        Run([]).mark(done.STOP, STOP_S, STOP_S + 0.01).mark(done.GUARD_HUNG, STOP_S, STOP_S + 0.5)
    )
    for n, value in enumerate(GOOD):
        at_s = 0.06 + n * P
        run.command(at_s if at_s < STOP_S else at_s + 0.5, value, n + 1)
    assert not {rule for rule in run.end(begin_s=2.5, end_s=2.6).rules() if 'stopped' in rule}


def test_the_first_command_may_have_begun_to_move():
    moving = np.array(motion((1.0, 0.6), (0.6, 0.0)))
    assert Run(moving).end(begin_s=1.7, end_s=1.8).chunks(0.6, 1.2).rules() == set()


def test_silence_while_active():
    run = Run([*GOOD]).end(begin_s=3.5, end_s=3.6)
    assert run.rules() == {'silence while active'}
    assert Run(GOOD).mark(done.GUARD_HUNG, 2.0, 3.2).end(begin_s=3.3).rules() == set()


def test_one_who_gives_way_is_silent_at_once():
    run = Run(GOOD).mark(done.FOREIGN_SENDS, 1.4, 1.41).end(begin_s=5.0, end_s=5.1)
    for n in range(20):
        run.command(1.95 + 0.03 * n, 0.3, n, foreign=True)
    assert run.rules() == set()
    run.command(2.4, GOOD[-1], 121)
    assert run.rules() == {'commanded while not activated'}


def test_one_who_gave_way_may_be_activated_again():
    run = Run(GOOD[:60]).mark(done.FOREIGN_SENDS, 1.0, 1.02).mark(done.FOREIGN_OFF, 1.2, 1.22)
    run.command(1.05, 0.3, 1, foreign=True)
    run.mark(done.ACTIVATE, 1.3, 1.32).end(begin_s=1.6)
    here = GOOD[58] - SAG
    run.log.measured += [Measured(t, here * ONE) for t in np.arange(1.2, 1.7, 0.01)]
    run.log.measured.sort(key=lambda m: m.at_s)
    for n in range(16):
        run.command(1.33 + n * P, here, n + 1)
    assert run.rules() == set()


@pytest.mark.parametrize(
    ('name', 'rule'),
    [
        (done.STOP, 'activated while stopped'),
        (done.FOREIGN_SILENT, 'activated beside another publisher'),
        (done.JOINTS_BAD, 'activated without positions'),
    ],
)
def test_activations_that_must_be_refused(name, rule):
    run = Run([GOOD[0]] * 120).mark(name, -3.0, -2.9).end()
    assert rule in run.rules()


def test_a_stop_that_was_not_yet_on_disk_may_be_lost_by_a_kill():
    run = Run([GOOD[0]] * 120).end().mark(done.STOP, -3.0, -2.9).mark(done.GUARD_KILLED, -2.85)
    assert 'activated while stopped' not in run.rules()
    run = Run([GOOD[0]] * 120).end().mark(done.STOP, -3.0, -2.9).mark(done.GUARD_KILLED, -2.5)
    assert 'activated while stopped' in run.rules()


def half_of_the_commands(run):
    """The same run of a group that is commanded at every second sample."""
    slow = dataclasses.replace(run.log.facts, every=2, period_s=2 * P)
    run.log = dataclasses.replace(run.log, facts=slow)
    run.log.commands = [
        dataclasses.replace(command, number=i + 1)
        for i, command in enumerate(run.log.commands[::2])
    ]
    return run


def test_a_group_with_half_of_the_commands_is_judged_by_its_own_period():
    run = half_of_the_commands(Run().end())
    assert run.rules() == set()
    command = run.log.commands[20]
    run.log.commands[20] = dataclasses.replace(command, values=command.values + 0.05)
    assert run.rules() == {'step beyond the rate limit'}


@pytest.mark.parametrize(('speed', 'rules'), [(0.05, set()), (0.8, {'ended in motion'})])
def test_a_group_with_half_of_the_commands_may_come_to_rest_between_two(speed, rules):
    run = Run(motion((0.3, 0.0), (0.5, speed))).end(done.DEACTIVATE, 0.86, 0.87)
    assert half_of_the_commands(run).rules() == rules
