# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the guard lets through, and what it does instead."""

import math

import numpy as np
import pytest
from onboard_contract import PERIOD_NS, make_action, make_contract

from world_model_ros.onboard.guard import MAX_CHUNK_STEPS, Guard

NAMES = ['shoulder', 'wrist']
MS = 1_000_000


def chunk_times(start_ns, count):
    return [start_ns + i * PERIOD_NS for i in range(count)]


def sample_at(guard, t_ns, measured=None):
    return guard.sample(t_ns, t_ns * 1e-9, measured)


@pytest.fixture
def guard():
    return Guard(make_contract(action=make_action(rate_limit=(1e3, 1e3))))


def test_without_any_chunk_the_safe_action_is_sent(guard):
    command = sample_at(guard, 0)
    assert command.source == 'safe'
    assert command.values.tolist() == [0.0, 0.0]


def test_effort_is_held_between_the_times_of_a_chunk(guard):
    guard.on_chunk(NAMES, chunk_times(0, 2), [[0.01, 0.02], [0.03, 0.04]], 0.0)
    sent = [sample_at(guard, t * MS).values.tolist() for t in (0, 20, 39, 40, 60)]
    assert sent == [[0.01, 0.02]] * 3 + [[0.03, 0.04]] * 2


def test_position_is_interpolated_between_the_times_of_a_chunk():
    action = make_action(
        kind='position', safe='hold', low=(-1, -1), high=(1, 1), rate_limit=(1e3, 1e3)
    )
    guard = Guard(make_contract(action=action))
    guard.on_chunk(NAMES, chunk_times(0, 2), [[0.0, 0.0], [0.4, -0.4]], 0.0)
    sample_at(guard, 0, np.zeros(2))
    assert sample_at(guard, 10 * MS).values == pytest.approx([0.1, -0.1])


def test_names_in_another_order_are_matched_by_name(guard):
    guard.on_chunk(['wrist', 'shoulder'], [0], [[0.02, 0.01]], 0.0)
    assert sample_at(guard, 0).values.tolist() == [0.01, 0.02]


@pytest.mark.parametrize(
    'names',
    [
        ['shoulder'],
        ['shoulder', 'elbow'],
        ['shoulder', 'shoulder'],
        ['shoulder', 'wrist', 'elbow'],
    ],
)
def test_wrong_names_are_refused_and_named(guard, names):
    problem = guard.on_chunk(names, [0], np.zeros((1, len(names))), 0.0)
    assert 'names' in problem and 'expected' in problem
    assert sample_at(guard, 0).source == 'safe'


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_a_chunk_with_one_bad_number_is_refused_whole(guard, bad):
    assert guard.on_chunk(NAMES, chunk_times(0, 2), [[0.01, 0.01], [0.01, bad]], 0.0)
    command = sample_at(guard, 0)
    assert command.source == 'safe'
    assert any('NaN' in reason for reason in command.reasons)


@pytest.mark.parametrize(
    'times, rows',
    [
        ([], 0),
        ([0, 0], 2),
        ([40, 0], 2),
        ([0, 40], 1),
        (list(range(MAX_CHUNK_STEPS + 1)), MAX_CHUNK_STEPS + 1),
    ],
)
def test_malformed_times_are_refused(guard, times, rows):
    assert guard.on_chunk(NAMES, times, np.zeros((rows, 2)), 0.0)
    assert guard.refused == 1


def test_actions_outside_the_limits_are_clipped_and_reported(guard):
    guard.on_chunk(NAMES, [0], [[9.0, -9.0]], 0.0)
    command = sample_at(guard, 0)
    assert command.values.tolist() == [0.05, -0.05]
    assert 'clipped to the limits' in command.reasons


def test_the_rate_limit_counts_from_the_command_sent_last():
    guard = Guard(make_contract(action=make_action(rate_limit=(1.0, 1.0))))
    guard.on_chunk(NAMES, chunk_times(0, 3), [[0.05, 0.0]] * 3, 0.0)
    sent = [sample_at(guard, t * MS).values[0] for t in (0, 20, 40, 60)]
    assert sent == pytest.approx([0.02, 0.04, 0.05, 0.05])


def test_a_pause_of_the_guard_buys_no_larger_step():
    guard = Guard(make_contract(action=make_action(rate_limit=(1.0, 1.0))))
    sample_at(guard, 0)
    guard.on_chunk(NAMES, [500 * MS], [[0.05, 0.05]], 0.5)
    assert sample_at(guard, 500 * MS).values == pytest.approx([0.02, 0.02])


def test_the_old_chunk_is_in_force_until_the_new_one_starts(guard):
    guard.on_chunk(NAMES, chunk_times(0, 2), [[0.01, 0.01]] * 2, 0.0)
    guard.on_chunk(NAMES, chunk_times(PERIOD_NS, 2), [[0.02, 0.02]] * 2, 0.01)
    assert sample_at(guard, 20 * MS).values[0] == 0.01
    assert sample_at(guard, 40 * MS).values[0] == 0.02


def test_a_late_agent_means_the_rest_of_the_last_chunk(guard):
    guard.on_chunk(NAMES, chunk_times(0, 3), [[0.01, 0], [0.02, 0], [0.03, 0]], 0.0)
    command = sample_at(guard, 80 * MS)
    assert command.source == 'chunk_rest'
    assert command.values[0] == 0.03


def test_past_the_end_of_the_chunk_the_safe_action_is_sent_at_once():
    guard = Guard(make_contract(action=make_action(rate_limit=(1.0, 1.0))))
    guard.on_chunk(NAMES, chunk_times(0, 2), [[0.05, 0.05]] * 2, 0.0)
    for t in (0, 20, 40, 60):
        assert sample_at(guard, t * MS).source in ('chunk', 'chunk_rest')
    command = sample_at(guard, 80 * MS)
    assert command.source == 'safe'
    assert command.values.tolist() == [0.0, 0.0]


def test_no_heartbeat_within_the_timeout_leads_to_the_safe_action(guard):
    guard.on_chunk(NAMES, chunk_times(0, 20), [[0.01, 0.01]] * 20, 0.0)
    assert guard.sample(200 * MS, 0.199).source == 'chunk_rest'
    assert guard.sample(220 * MS, 0.221).source == 'safe'
    guard.heartbeat(0.23)
    assert guard.sample(240 * MS, 0.24).source == 'chunk_rest'


def test_a_stop_is_immediate_and_latched():
    guard = Guard(make_contract())
    guard.on_chunk(NAMES, chunk_times(0, 3), [[0.05, 0.05]] * 3, 0.0)
    sample_at(guard, 0)
    guard.stop('button')
    assert sample_at(guard, 20 * MS).values.tolist() == [0.0, 0.0]
    guard.enable(False)
    guard.enable(True)
    guard.reset()
    assert guard.on_chunk(NAMES, chunk_times(0, 3), [[0.05, 0.05]] * 3, 0.02)
    command = sample_at(guard, 40 * MS)
    assert command.source == 'stopped' and 'stopped: button' in command.reasons


def test_a_stop_without_a_reason_stops(guard):
    guard.stop('')
    assert sample_at(guard, 0).source == 'stopped'


def test_after_the_stop_is_released_only_new_chunks_count(guard):
    guard.on_chunk(NAMES, chunk_times(0, 5), [[0.05, 0.05]] * 5, 0.0)
    guard.stop('button')
    guard.release_stop()
    assert sample_at(guard, 20 * MS).source == 'safe'
    guard.on_chunk(NAMES, chunk_times(0, 5), [[0.05, 0.05]] * 5, 0.02)
    assert sample_at(guard, 40 * MS).source == 'chunk_rest'


def test_a_disabled_guard_sends_the_safe_action():
    guard = Guard(make_contract(), enabled=False)
    guard.on_chunk(NAMES, [0], [[0.05, 0.05]], 0.0)
    assert sample_at(guard, 0).source == 'disabled'
    guard.enable(True)
    assert sample_at(guard, 20 * MS).source == 'chunk'


def test_a_chunk_given_up_leads_to_the_safe_action_and_keeps_the_rate_limit():
    guard = Guard(make_contract(action=make_action(rate_limit=(1.0, 1.0))))
    guard.on_chunk(NAMES, chunk_times(0, 3), [[0.05, 0.05]] * 3, 0.0)
    sample_at(guard, 0)
    sample_at(guard, 20 * MS)
    guard.drop_chunks()
    guard.on_chunk(NAMES, [40 * MS], [[-0.05, -0.05]], 0.03)
    assert sample_at(guard, 40 * MS).values == pytest.approx([0.02, 0.02])
    guard.drop_chunks()
    assert sample_at(guard, 60 * MS).source == 'safe'


def test_time_that_goes_back_drops_the_chunks(guard):
    guard.on_chunk(NAMES, chunk_times(1000 * MS, 3), [[0.05, 0.05]] * 3, 1.0)
    sample_at(guard, 1000 * MS)
    command = guard.sample(10 * MS, 1.02)
    assert command.source == 'safe'
    assert guard.sample(1000 * MS, 1.04).source == 'safe'


def test_hold_keeps_the_position_measured_when_the_safe_action_began():
    action = make_action(kind='position', safe='hold', low=(-1, -1), high=(1, 1))
    guard = Guard(make_contract(action=action))
    assert not sample_at(guard, 0).send
    assert sample_at(guard, 20 * MS, [0.3, 0.4]).values.tolist() == [0.3, 0.4]
    command = sample_at(guard, 40 * MS, [0.1, 0.1])
    assert command.send and command.values.tolist() == [0.3, 0.4]


def test_motion_starts_from_the_measured_position():
    action = make_action(
        kind='position', safe='hold', low=(-1, -1), high=(1, 1), rate_limit=(1.0, 1.0)
    )
    guard = Guard(make_contract(action=action))
    guard.on_chunk(NAMES, [0], [[1.0, 1.0]], 0.0)
    assert not sample_at(guard, 0).send
    assert sample_at(guard, 20 * MS, [0.5, 0.5]).values == pytest.approx([0.52, 0.52])


def test_a_zero_safe_action_outside_the_limits_is_refused():
    with pytest.raises(ValueError, match='zero is outside'):
        Guard(make_contract(action=make_action(low=(0.1, 0.1), high=(0.2, 0.2))))


def test_a_returned_command_is_not_changed_by_later_samples(guard):
    guard.on_chunk(NAMES, chunk_times(0, 2), [[0.01, 0.01], [0.02, 0.02]], 0.0)
    first = sample_at(guard, 0)
    sample_at(guard, 40 * MS)
    assert first.values.tolist() == [0.01, 0.01]


def test_a_person_shuts_the_agent_out_until_command_timeout(guard):
    guard.on_chunk(NAMES, chunk_times(0, 50), [[0.01, 0.01]] * 50, 0.0)
    guard.on_chunk(NAMES, [0], [[-0.02, 0.03]], 0.0, teleop=True)
    held = [sample_at(guard, t * MS) for t in (0, 100, 200)]
    assert [c.source for c in held] == ['teleop'] * 3
    assert [c.values.tolist() for c in held] == [[-0.02, 0.03]] * 3
    guard.heartbeat(0.22)
    assert sample_at(guard, 220 * MS).source == 'chunk_rest'


def test_letting_go_gives_the_robot_back_at_once(guard):
    guard.on_chunk(NAMES, chunk_times(0, 5), [[0.01, 0.01]] * 5, 0.0)
    guard.on_chunk(NAMES, [0], [[-0.02, 0.03]], 0.0, teleop=True)
    assert sample_at(guard, 0).source == 'teleop'
    guard.drop_chunks(teleop=True)
    assert sample_at(guard, 20 * MS).source == 'chunk'


def test_a_person_is_limited_and_stopped_like_the_agent():
    guard = Guard(make_contract())
    guard.on_chunk(NAMES, [0], [[9.0, -9.0]], 0.0, teleop=True)
    first = sample_at(guard, 0)
    assert first.values == pytest.approx([0.05, -0.05])
    assert 'clipped to the limits' in first.reasons
    guard.enable(False)
    assert sample_at(guard, 20 * MS).source == 'disabled'
    guard.enable(True)
    guard.stop('test')
    assert guard.on_chunk(NAMES, [0], [[0.01, 0.0]], 0.02, teleop=True)
    guard.release_stop()
    assert sample_at(guard, 40 * MS).source == 'safe'
