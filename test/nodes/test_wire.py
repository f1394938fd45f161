# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Chunks between our own nodes: what cannot be read is named by field, point and count."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('rclpy')

from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from world_model_ros.nodes._wire import (
    SOURCES,
    ChunkError,
    chunk_arrays,
    chunk_message,
    reward_message,
    reward_values,
    sent_message,
    sent_values,
)
from world_model_ros.onboard.guard import GuardCommand
from world_model_ros.onboard.guard.reasons import Reason, ReasonKind, kinds_of

FIELDS = {'effort': 'effort', 'velocity': 'velocities', 'position': 'positions'}
OTHERS = ('positions', 'velocities', 'accelerations', 'effort')
NAMES = ('shoulder', 'elbow', 'wrist')


def make_contract(kind):
    action = SimpleNamespace(kinds=(kind,) * len(NAMES), names=NAMES)
    return SimpleNamespace(action=action, period_s=0.04)


def make_message(**rows):
    return JointTrajectory(joint_names=list(NAMES), points=[JointTrajectoryPoint(**rows)])


def test_velocities_for_a_position_robot_are_refused_by_the_name_of_the_field():
    with pytest.raises(ChunkError) as caught:
        chunk_arrays(make_contract('position'), make_message(velocities=[0.1, 0.2, 0.3]))

    assert str(caught.value) == (
        'point 0 has 0 numbers in `positions` for 3 joints in joint_names (it fills in '
        '`velocities`): the action is of kind position, so each point needs `positions`, '
        'one number per joint'
    )


def test_a_number_that_is_not_finite_is_named_by_point_and_joint():
    message = chunk_message(make_contract('effort'), 0, np.zeros((2, 3)))
    message.points[1].effort = [0.0, 0.0, float('nan')]

    with pytest.raises(ChunkError, match=r"point 1 of 2 has nan in `effort` for joint 'wrist'"):
        chunk_arrays(make_contract('effort'), message)


@given(
    kind=st.sampled_from(sorted(FIELDS)),
    rows=st.fixed_dictionaries(
        {name: st.lists(st.floats(width=32), max_size=5) for name in OTHERS}
    ),
)
def test_any_point_is_read_whole_or_refused_by_its_field(kind, rows):
    contract = make_contract(kind)
    row = rows[FIELDS[kind]]
    whole = len(row) == len(NAMES) and all(np.isfinite(row))

    if whole:
        assert chunk_arrays(contract, make_message(**rows))[2].tolist() == [row]
    else:
        with pytest.raises(ChunkError, match=f'point 0.*`{FIELDS[kind]}`'):
            chunk_arrays(contract, make_message(**rows))


def test_a_chunk_of_ours_is_read_as_it_was_sent():
    contract = make_contract('velocity')
    values = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])

    names, times, read = chunk_arrays(contract, chunk_message(contract, 5_000, values))

    assert (names, times) == (list(NAMES), [5_000, 40_005_000])
    assert np.array_equal(read, values)


@pytest.mark.parametrize('value', [float('inf'), float('nan')])
@pytest.mark.parametrize('which', [0, 3])
def test_what_the_guard_cannot_have_sent_is_refused(which, value):
    contract = make_contract('effort')
    message = sent_message(contract, 5, GuardCommand(np.zeros(3), 'chunk', (), 0))
    assert sent_values(contract, message)[0] == 5
    message.position[which] = value
    with pytest.raises(ValueError, match='expected finite numbers'):
        sent_values(contract, message)


@pytest.mark.parametrize('code', [-1.0, 0.5, float(len(SOURCES))])
def test_a_source_that_nobody_knows_is_not_taken_for_another(code):
    contract = make_contract('effort')
    message = sent_message(contract, 5, GuardCommand(np.zeros(3), 'chunk', (), 0))
    message.position[3] = code
    with pytest.raises(ValueError, match='a source of 0 to'):
        sent_values(contract, message)


def test_a_reward_without_end_is_refused_and_a_missing_one_is_nan():
    assert np.isnan(reward_values(reward_message(5, float('nan'), False, False))[1])
    for reward, terminal in ((float('inf'), 0.0), (1.0, float('nan'))):
        message = reward_message(5, reward, False, False)
        message.position[1] = terminal
        with pytest.raises(ValueError, match='expected finite numbers'):
            reward_values(message)


def test_a_chunk_without_end_is_refused_before_room_is_made_for_it():
    message = JointTrajectory(joint_names=['a'] * 300, points=[JointTrajectoryPoint()] * 2)
    with pytest.raises(ChunkError, match='at most 10000 of 256'):
        chunk_arrays(make_contract('effort'), message)


def test_why_a_command_was_sent_can_be_read_from_its_number():
    reasons = Reason(ReasonKind.CLIPPED, 'too far'), Reason(ReasonKind.JERK, 'too rough')
    command = GuardCommand(np.zeros(3), 'chunk', reasons, 0)
    message = sent_message(make_contract('effort'), 5, command)
    assert message.name[-1] == 'guard.reasons' and message.header.frame_id.endswith('too rough')
    assert kinds_of(int(message.position[-1])) == (ReasonKind.CLIPPED, ReasonKind.JERK)


def test_the_bits_of_reasons_have_not_moved():
    # Recorded episodes hold these numbers: kinds are appended, never moved.
    assert [kind.value for kind in ReasonKind] == [
        'chunk_refused',
        'clipped',
        'rate_limited',
        'acceleration_limited',
        'jerk_limited',
        'slowed_before_limit',
        'stopped',
        'not_ready',
        'foreign_publisher',
        'deactivating',
        'outside_limits',
        'no_heartbeat',
        'no_chunk',
        'time_went_back',
        'path_tolerance_violated',
        'driver_fault',
        'halt_for_workspace',
        'halt_for_collision',
        'controller_inactive',
        'dead_man_released',
        'locked',
        'zone_stop',
        'zone_slowdown',
    ]


def test_a_chunk_of_several_kinds_has_each_joint_in_the_field_of_its_kind():
    kinds = ('position', 'velocity', 'position')
    action = SimpleNamespace(kinds=kinds, names=NAMES)
    contract = SimpleNamespace(action=action, period_s=0.04)
    values = np.array([[0.1, 2.0, 0.3], [0.2, 2.5, 0.4]])
    message = chunk_message(contract, 5_000, values)
    assert message.points[0].positions[0] == 0.1 and np.isnan(message.points[0].positions[1])
    assert message.points[0].velocities[1] == 2.0 and not message.points[0].effort
    names, _, read = chunk_arrays(contract, message)
    assert names == list(NAMES) and np.array_equal(read, values)
    message.points[1].velocities[1] = float('nan')
    with pytest.raises(ChunkError, match=f"nan in `velocities` for joint '{NAMES[1]}'"):
        chunk_arrays(contract, message)
    message.points[1].velocities = []
    with pytest.raises(ChunkError, match='NaN for joints of another kind'):
        chunk_arrays(contract, message)
