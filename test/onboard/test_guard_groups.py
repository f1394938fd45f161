# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One guard over several command groups: each as its kind and limits say, and a stop stops all."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.contract import load_contract
from world_model_ros.onboard.agent.foreign_commands import ForeignCommands
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.joint_positions import JointPositions
from world_model_ros.wire.command_codec import encoder

MS = 1_000_000
STEP_MS = 10
ROBOT = load_contract(Path(__file__).parents[1] / 'fixtures' / 'contract_format2.yaml')
HERE = np.array([0.2, 1.0, 0.02, np.nan])  # nobody measures the wheel's position
ARM, FINGER, WHEEL = slice(0, 2), 2, 3


def active(here=HERE):
    guard = Guard(ROBOT)
    assert guard.activate(here) == ''
    return guard


def drive(guard, row, begin_ms=0, count=10, here=HERE):
    """Samples under a constant action."""
    commands = []
    for k in range(count):
        ms = begin_ms + k * STEP_MS
        if row is not None:
            guard.on_chunk(ROBOT.action.names, [ms * MS], np.array([row]), ms * 1e-3)
        commands.append(guard.sample(ms * MS, ms * 1e-3, here))
    return commands


def test_each_group_follows_within_its_own_limits():
    last = drive(active(), [3.0, 2.5, 0.08, -4.0], count=300)[-1]
    # The limits of today, not the box that the network was trained with.
    np.testing.assert_allclose(last.values, [1.0, 2.0, 0.08, -2.0])


def test_a_stop_holds_positions_and_takes_velocities_to_zero():
    guard = active()
    moving = drive(guard, [0.6, 1.0, 0.02, 2.0], count=40)[-1]
    assert moving.values[WHEEL] == 2.0
    guard.stop('test')
    stopped = drive(guard, None, begin_ms=400, count=60)
    assert all(command.source == 'stopped' for command in stopped)
    assert guard.at_rest and stopped[-1].values[WHEEL] == 0.0
    # stop_acceleration 12 takes 17 samples of 10 ms from 2 to 0, jerk 200 some more at both ends.
    assert 17 <= next(i for i, c in enumerate(stopped) if c.values[WHEEL] == 0.0) < 30
    speeds = np.diff([c.values[WHEEL] for c in (moving, *stopped)]) / 0.01
    assert np.abs(speeds).max() <= 12.0 + 1e-9
    assert np.abs(np.diff(speeds, prepend=0.0)).max() / 0.01 <= 200.0 * (1 + 1e-6)
    assert 0.2 < stopped[-1].values[0] <= 0.6


def test_only_joints_that_are_held_must_be_measured():
    guard = Guard(ROBOT)
    refusal = guard.activate(np.array([0.2, np.nan, 0.02, 0.0]))
    assert 'shoulder, elbow, finger:' in refusal
    assert guard.activate(HERE) == ''


def test_a_slow_group_is_sent_at_its_own_rate_and_keeps_what_is_in_force():
    commands = drive(active(), [0.2, 1.0, 0.08, 0.0], count=6)
    assert [c.due for c in commands] == [(True, k % 2 == 0, True) for k in range(6)]
    finger = [c.values[FINGER] for c in commands]
    assert finger[0] == finger[1] < finger[2] == finger[3] < finger[4]
    np.testing.assert_allclose(finger[2] - finger[0], 0.1 * 0.02)  # of both samples together


def test_a_command_that_did_not_go_out_is_due_again():
    guard = active()
    first = drive(guard, [0.2, 1.0, 0.08, 0.0], count=1)[0]
    guard.not_sent()
    again = drive(guard, [0.2, 1.0, 0.08, 0.0], begin_ms=STEP_MS, count=1)[0]
    assert again.due == first.due and again.values[FINGER] == first.values[FINGER]


def test_a_joint_outside_of_its_limits_rests_all_groups():
    here = np.array([1.2, 1.0, 0.02, np.nan])  # inside of low and high, outside of the limits
    guard = active(here)
    commands = drive(guard, [0.0, 0.0, 0.05, 1.0], count=20, here=here)
    assert commands[-1].source == 'outside' and 'shoulder is at 1.2' in guard.outside
    np.testing.assert_array_equal(commands[-1].values, [1.2, 1.0, 0.02, 0.0])


def test_by_hand_only_the_joint_outside_moves_inwards():
    here = np.array([1.2, 1.0, 0.02, np.nan])
    guard = active(here)
    for k in range(20):
        row = np.array([[0.0, 0.0, 0.05, 1.0]])
        guard.on_chunk(ROBOT.action.names, [k * STEP_MS * MS], row, k * 0.01, teleop=True)
        command = guard.sample(k * STEP_MS * MS, k * 0.01, here)
    assert command.source == 'teleop' and command.values[0] < 1.2
    np.testing.assert_array_equal(command.values[1:], [1.0, 0.02, 0.0])


def test_positions_are_kept_of_held_joints_only():
    positions = JointPositions(ROBOT)
    assert positions.topics == ('joint_states',)
    positions.take(['finger'], [0.03], 1.0)
    assert positions.at(1.0) is None
    positions.take(['shoulder', 'elbow', 'wheel'], [0.1, 0.2, 99.0], 1.0)
    assert positions.at(1.0).tolist() == [0.1, 0.2, 0.03, 0.0]


def test_what_others_command_of_one_group_leaves_the_rest_at_rest():
    foreign = ForeignCommands(ROBOT)
    rest = np.array([0.2, 1.0, 0.02, 0.0])
    gripper = encoder(ROBOT.groups[1])(5 * MS, np.array([0.07]))
    assert foreign.take(1, gripper, 9 * MS, rest)[1].tolist() == [0.2, 1.0, 0.07, 0.0]
    base = encoder(ROBOT.groups[2])(5 * MS, np.array([1.5]))
    stamp_ns, values = foreign.take(2, base, 9 * MS, rest)
    assert values.tolist() == [0.2, 1.0, 0.07, 1.5]
    assert stamp_ns == 5 * MS + 1  # another moment: the one before knew less


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just('drive'), st.lists(st.floats(-9, 9), min_size=4, max_size=4)),
        st.sampled_from([('rest', None), ('stop', None), ('release', None)]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(EVENTS)
def test_no_group_ever_leaves_its_limits_or_its_rates(events):
    action = ROBOT.action
    low, high = np.array(action.limit_low), np.array(action.limit_high)
    rate = np.maximum(action.rate_limit, action.stop_rate_limit)
    guard, ms = active(), 0
    last = np.where(action.holds, HERE, 0.0)
    for event, row in events:
        if event == 'stop':
            guard.stop('test')
        elif event == 'release':
            guard.release_stop(np.where(action.holds, last, np.nan))
        for command in drive(guard, row, ms, 7, np.where(action.holds, last, np.nan)):
            assert np.isfinite(command.values).all()
            assert (command.values >= low).all() and (command.values <= high).all()
            due = np.repeat(command.due, [2, 1, 1])
            step = np.abs(command.values - last)
            assert (step <= rate * 0.02 + 1e-9).all() and (step[~due] == 0.0).all()
            last = command.values
        ms += 7 * STEP_MS
