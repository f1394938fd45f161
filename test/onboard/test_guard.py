# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the guard lets through, and what it does instead."""

import math

import numpy as np
import pytest
from onboard_contract import PERIOD_NS, make_action, make_contract

from world_model_ros.onboard.guard import MAX_CHUNK_STEPS, Guard
from world_model_ros.onboard.guard.reasons import ReasonKind

NAMES = ['shoulder', 'wrist']
MS = 1_000_000


def chunk_times(start_ns, count):
    return [start_ns + i * PERIOD_NS for i in range(count)]


def sample_at(guard, t_ns, measured=None):
    return guard.sample(t_ns, t_ns * 1e-9, measured)


def active(contract, measured=None, enabled=True):
    """A guard that commands, from this position."""
    guard = Guard(contract, enabled=enabled)
    assert guard.activate(measured) == ''
    return guard


def arm(measured=(0.0, 0.0), **keys):
    """A guard of a robot that takes positions, within ±1 rad, at 1 rad/s."""
    limits = {'low': (-1, -1), 'high': (1, 1), 'rate_limit': (1.0, 1.0)}
    action = make_action(kind='position', safe='hold', **{**limits, **keys})
    return active(make_contract(action=action), np.asarray(measured, float))


@pytest.fixture
def guard():
    return active(make_contract(action=make_action(rate_limit=(1e3, 1e3))))


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
    guard = active(make_contract(action=action), np.zeros(2))
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
    assert 'NaN' in command.words


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
    assert ReasonKind.CLIPPED in [reason.kind for reason in command.reasons]


def test_the_rate_limit_counts_from_the_command_sent_last():
    guard = active(make_contract(action=make_action(rate_limit=(1.0, 1.0))))
    guard.on_chunk(NAMES, chunk_times(0, 3), [[0.05, 0.0]] * 3, 0.0)
    sent = [sample_at(guard, t * MS).values[0] for t in (0, 20, 40, 60)]
    assert sent == pytest.approx([0.02, 0.04, 0.05, 0.05])


def test_a_pause_of_the_guard_buys_no_larger_step():
    guard = active(make_contract(action=make_action(rate_limit=(1.0, 1.0))))
    sample_at(guard, 0)
    guard.on_chunk(NAMES, [500 * MS], [[0.05, 0.05]], 0.5)
    assert sample_at(guard, 500 * MS).values == pytest.approx([0.02, 0.02])


def test_a_clock_that_goes_back_is_no_reason_for_a_dead_stop():
    guard = arm(acceleration_limit=(2.0, 2.0))
    guard.on_chunk(NAMES, chunk_times(0, 20), np.linspace([0, 0], [0.6, 0.6], 20), 0.0)
    sent = [sample_at(guard, t * MS).values[0] for t in range(0, 200, 20)]
    speed = (sent[-1] - sent[-2]) / 0.02
    assert speed > 0.3
    after = sample_at(guard, -5000 * MS).values[0]
    assert (after - sent[-1]) / 0.02 == pytest.approx(speed - 2.0 * 0.02, abs=1e-6)


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


def test_past_the_end_of_the_chunk_the_safe_action_begins_with_the_next_command():
    guard = active(make_contract(action=make_action(rate_limit=(1.0, 1.0))))
    guard.on_chunk(NAMES, chunk_times(0, 2), [[0.05, 0.03]] * 2, 0.0)
    for t in (0, 20, 40, 60):
        assert sample_at(guard, t * MS).source in ('chunk', 'chunk_rest')
    sent = [sample_at(guard, t * MS) for t in (80, 100, 120)]
    assert [command.source for command in sent] == ['safe'] * 3
    assert [command.values[0] for command in sent] == pytest.approx([0.03, 0.01, 0.0])
    assert sent[-1].values.tolist() == [0.0, 0.0]


def test_a_stop_goes_to_zero_at_its_own_rate():
    action = make_action(rate_limit=(1.0, 1.0), stop_rate_limit=(5.0, 1.0))
    guard = active(make_contract(action=action))
    guard.on_chunk(NAMES, chunk_times(0, 4), [[0.05, 0.05]] * 4, 0.0)
    for t in (0, 20, 40, 60):
        sample_at(guard, t * MS)
    guard.stop('button')
    assert sample_at(guard, 80 * MS).values == pytest.approx([0.0, 0.03])


def test_no_heartbeat_within_the_timeout_leads_to_the_safe_action(guard):
    guard.on_chunk(NAMES, chunk_times(0, 20), [[0.01, 0.01]] * 20, 0.0)
    assert guard.sample(200 * MS, 0.199).source == 'chunk_rest'
    assert guard.sample(220 * MS, 0.221).source == 'safe'
    guard.heartbeat(0.23)
    assert guard.sample(240 * MS, 0.24).source == 'chunk_rest'


def test_a_stop_is_immediate_and_latched():
    guard = active(make_contract())
    guard.on_chunk(NAMES, chunk_times(0, 3), [[0.05, 0.05]] * 3, 0.0)
    sample_at(guard, 0)
    guard.stop('button')
    assert sample_at(guard, 20 * MS).values.tolist() == [0.0, 0.0]
    guard.enable(False)
    guard.enable(True)
    guard.deactivate()
    assert 'release_stop' in guard.activate()
    assert guard.stopped


def test_while_stopped_no_chunk_is_taken(guard):
    guard.stop('button')
    assert 'stopped: button' in guard.on_chunk(NAMES, [0], [[0.05, 0.05]], 0.02)
    command = sample_at(guard, 40 * MS)
    assert command.source == 'stopped' and 'stopped: button' in command.words


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
    guard = active(make_contract(), enabled=False)
    guard.on_chunk(NAMES, [0], [[0.05, 0.05]], 0.0)
    assert sample_at(guard, 0).source == 'disabled'
    guard.enable(True)
    assert sample_at(guard, 20 * MS).source == 'safe'  # only new chunks count
    guard.on_chunk(NAMES, [40 * MS], [[0.05, 0.05]], 0.03)
    assert sample_at(guard, 40 * MS).source == 'chunk'


def test_a_chunk_given_up_leads_to_the_safe_action_and_keeps_the_rate_limit():
    guard = active(make_contract(action=make_action(rate_limit=(1.0, 1.0))))
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


def test_inactive_nothing_is_sent_and_no_chunk_is_taken():
    guard = Guard(make_contract())
    assert 'inactive' in guard.on_chunk(NAMES, [0], [[0.01, 0.01]], 0.0)
    assert not sample_at(guard, 0).send


def test_a_robot_that_holds_is_not_activated_without_a_fresh_position():
    action = make_action(kind='position', safe='hold', low=(-1, -1), high=(1, 1))
    guard = Guard(make_contract(action=action))
    for measured in (None, [0.1], [0.1, math.nan]):
        assert 'no fresh position of shoulder, wrist' in guard.activate(measured)
    assert not guard.active


def test_activation_holds_where_the_robot_is_and_does_not_sink_with_it():
    guard = arm([0.3, 0.4])
    for t in range(0, 2000, 20):
        command = sample_at(guard, t * MS, [0.29, 0.39])  # it sags
        assert command.send and command.values.tolist() == [0.3, 0.4]


def test_motion_starts_from_the_measured_position():
    guard = arm([0.5, 0.5])
    guard.on_chunk(NAMES, [0], [[1.0, 1.0]], 0.0)
    assert sample_at(guard, 0, [0.5, 0.5]).values == pytest.approx([0.52, 0.52])


@pytest.mark.parametrize('how', ['stop', 'disable', 'end of the chunk', 'foreign', 'rest'])
def test_a_moving_arm_comes_to_rest_along_its_motion(how):
    guard = arm(acceleration_limit=(5.0, 5.0))
    rows = [[0.04 * k, 0.0] for k in range(1, 16)]  # 1 rad/s
    guard.on_chunk(NAMES, chunk_times(0, 15), rows, 0.0)
    before = []
    for t in range(0, 360, 20):
        guard.heartbeat(t * 1e-3)
        before.append(sample_at(guard, t * MS, [0.0, 0.0]).values[0])
    speed = (before[-1] - before[-2]) / 0.02
    assert speed > 0.9
    {
        'stop': lambda: guard.stop('button'),
        'disable': lambda: guard.enable(False),
        'end of the chunk': guard.drop_chunks,
        'foreign': lambda: guard.set_foreign('another node'),
        'rest': guard.come_to_rest,
    }[how]()
    # The arm lags behind its command all the while.
    sent = [before[-1]]
    for t in range(360, 800, 20):
        sent.append(sample_at(guard, t * MS, [sent[-1] - 0.03, 0.0]).values[0])
    steps = np.diff(sent) / 0.02
    assert steps[0] < speed and np.all(steps >= 0.0)  # it begins at once, and never goes back
    assert np.all(np.abs(np.diff(steps)) <= 5.0 * 0.02 + 1e-9)
    assert steps[-1] == 0.0 and guard.at_rest


def test_a_held_arm_that_is_blocked_takes_the_measured_position_once():
    guard = arm()
    guard.on_chunk(NAMES, chunk_times(0, 10), [[0.04 * k, 0.0] for k in range(10)], 0.0)
    for t in range(0, 300, 20):
        sample_at(guard, t * MS, [0.0, 0.0])
    guard.drop_chunks()
    # It stands at 0.1 although 0.28 was commanded; then somebody pushes it further.
    sent = [sample_at(guard, t * MS, [0.1, 0.0]).values[0] for t in range(300, 1000, 20)]
    assert sent[-1] == 0.1
    assert np.all(np.abs(np.diff(sent)) <= 0.02 + 1e-12)
    for t in range(1000, 2000, 20):
        assert sample_at(guard, t * MS, [-0.2, 0.0]).values[0] == 0.1


@pytest.mark.parametrize('measured', [[1.6, 0.0], [-1.1, 0.0]])
def test_outside_of_the_box_all_hold_and_chunks_are_refused(measured):
    guard = arm(measured)
    assert sample_at(guard, 0, measured).source == 'outside'
    refused = guard.on_chunk(NAMES, [20 * MS], [[0.0, 0.0]], 0.0)
    assert 'shoulder' in refused and f'{measured[0]:.4g}' in refused and 'limit' in refused
    for t in range(20, 400, 20):
        assert sample_at(guard, t * MS, measured).values.tolist() == measured


def test_a_robot_that_was_pushed_out_while_held_is_held_at_its_limit():
    """Not where it was before: a driver that comes back would drive it there."""
    guard = arm([0.3, 0.0])
    for t in range(0, 1000, 20):
        assert sample_at(guard, t * MS, [0.3, 0.0]).values.tolist() == [0.3, 0.0]
    sent = [sample_at(guard, t * MS, [1.2, 0.0]).values for t in range(1000, 4000, 20)]
    assert guard.outside
    assert sent[-1].tolist() == [1.0, 0.0]  # the limit: nearest to where it is
    assert np.abs(np.diff([row[0] for row in sent])).max() <= 0.02 + 1e-12


def test_a_person_moves_a_joint_into_its_box_and_no_further_out():
    guard = arm([1.2, 0.0])
    here = np.array([1.2, 0.0])
    guard.on_chunk(NAMES, [0], [[2.0, 0.5]], 0.0, teleop=True)
    assert sample_at(guard, 0, here).values.tolist() == [1.2, 0.0] or guard.outside
    sent = []
    for t in range(20, 600, 20):
        guard.on_chunk(NAMES, [t * MS], [[0.9, 0.5]], t * 1e-3, teleop=True)
        here = sample_at(guard, t * MS, here).values
        sent.append(here.copy())
        if not guard.outside:
            break
        assert here[1] == 0.0  # what is inside holds
    assert np.all(np.diff([1.2, *[row[0] for row in sent]]) < 0.0)
    assert not guard.outside and sent[-1][0] < 1.02


def test_noise_and_sag_at_the_edge_are_not_outside():
    guard = arm([1.0, 0.0])
    assert sample_at(guard, 0, [1.015, 0.0]).source == 'safe'
    assert guard.on_chunk(NAMES, [20 * MS], [[0.9, 0.0]], 0.0) == ''


def test_speed_is_such_that_a_stop_fits_into_the_box():
    guard = arm([0.5, 0.0], acceleration_limit=(2.0, 2.0))
    sent = [0.5]
    for t in range(0, 2000, 20):
        guard.on_chunk(NAMES, [t * MS], [[9.0, 0.0]], t * 1e-3)
        sent.append(sample_at(guard, t * MS, [sent[-1], 0.0]).values[0])
    steps = np.diff(sent) / 0.02
    assert sent[-1] == pytest.approx(1.0, abs=1e-3) and max(sent) <= 1.0
    assert steps.max() > 0.8
    assert np.all(np.abs(np.diff(steps)) <= 2.0 * 0.02 + 1e-9)


@pytest.mark.parametrize('again', ['release', 'enable'])
def test_motion_is_allowed_again_from_the_measured_position_or_not_at_all(again):
    guard = arm([0.5, 0.0])
    (guard.stop if again == 'release' else guard.enable)(*['x'] if again == 'release' else [False])
    sample_at(guard, 0, [0.5, 0.0])
    allow = guard.release_stop if again == 'release' else lambda here: guard.enable(True, here)
    assert 'no fresh position' in allow(None)
    assert sample_at(guard, 20 * MS, None).source in ('stopped', 'disabled')
    assert allow(np.array([0.47, 0.0])) == ''
    sent = [sample_at(guard, t * MS, [0.47, 0.0]) for t in range(40, 120, 20)]
    assert [command.source for command in sent] == ['safe'] * 4
    assert sent[0].values[0] == pytest.approx(0.48) and sent[-1].values[0] == 0.47


def test_another_publisher_brings_the_robot_to_rest_while_it_is_there(guard):
    guard.set_foreign('/other has a publisher')
    assert 'other' in guard.on_chunk(NAMES, [0], [[0.01, 0.01]], 0.0)
    command = sample_at(guard, 0)
    assert command.source == 'safe' and '/other has a publisher' in command.words
    guard.set_foreign('')
    assert guard.on_chunk(NAMES, [20 * MS], [[0.01, 0.01]], 0.0) == ''
    assert sample_at(guard, 20 * MS).source == 'chunk'


def test_a_clock_that_stands_still_leads_to_the_safe_action_and_on_from_there():
    guard = arm()
    guard.on_chunk(NAMES, chunk_times(0, 50), [[0.04 * k, 0.0] for k in range(50)], 0.0)
    for t in range(0, 200, 20):
        sample_at(guard, t * MS, [0.0, 0.0])
    held = [guard.sample(180 * MS, 0.18, None, 'clock stands still') for _ in range(5)]
    assert {command.source for command in held} == {'safe'}
    assert held[1].values[0] == held[-1].values[0]
    after = sample_at(guard, 200 * MS, [0.0, 0.0])
    assert after.source == 'chunk_rest'
    assert abs(after.values[0] - held[-1].values[0]) <= 0.02 + 1e-12


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
    guard = active(make_contract())
    guard.on_chunk(NAMES, [0], [[9.0, -9.0]], 0.0, teleop=True)
    first = sample_at(guard, 0)
    assert first.values == pytest.approx([0.05, -0.05])
    assert 'clipped to the limits' in first.words
    guard.enable(False)
    assert sample_at(guard, 20 * MS).source == 'disabled'
    guard.enable(True)
    guard.stop('test')
    assert guard.on_chunk(NAMES, [0], [[0.01, 0.0]], 0.02, teleop=True)
    guard.release_stop()
    assert sample_at(guard, 40 * MS).source == 'safe'


def test_huge_numbers_do_not_become_a_command_that_is_no_number():
    guard = arm([0.0, 0.0])
    assert guard.on_chunk(NAMES, [0, 40 * MS], [[-1.7e308, 0], [1.7e308, 0]], 0.0) == ''
    sent = [sample_at(guard, t * MS, [0.0, 0.0]).values[0] for t in range(0, 100, 20)]
    assert np.all(np.abs(np.diff([0.0, *sent])) <= 0.02 + 1e-9)


def test_enabling_while_stopped_moves_no_hold():
    guard = arm([0.5, 0.0])
    sample_at(guard, 0, [0.5, 0.0])
    guard.stop('x')
    for t in range(20, 420, 40):  # 10 mrad of sag, each time
        guard.enable(False)
        assert guard.enable(True, np.array([0.49, 0.0])) == ''
        sent = sample_at(guard, t * MS, [0.49, 0.0])
        assert sent.source == 'stopped' and sent.values[0] == 0.5


def test_the_reason_of_a_refusal_is_short_whatever_the_sender_wrote(guard):
    assert len(guard.on_chunk(['x' * 100_000], [0], [[0.0]], 0.0)) < 1000
    assert len(sample_at(guard, 0).words) < 2000


def test_commands_that_could_not_be_sent_add_up_to_no_larger_step():
    guard = arm([0.5, 0.0], acceleration_limit=(4.0, 4.0))
    sent = [0.5]
    for t in range(0, 400, 20):
        guard.on_chunk(NAMES, [t * MS], [[1.0, 0.0]], t * 1e-3)
        command = sample_at(guard, t * MS, [0.5, 0.0])
        if 200 <= t < 300:
            guard.not_sent()
        else:
            sent.append(command.values[0])
    assert np.all(np.abs(np.diff(sent)) <= 0.02 + 1e-9)
