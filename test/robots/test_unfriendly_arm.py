# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arm that forgives nothing: sag, lag, brakes, and which commands its driver faults on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.robots.unfriendly_driver import JITTER_S, DriverLimits
from world_model_ros.robots.unfriendly_physics import LAG_S, MARGIN, SAG_RAD, UnfriendlyArm
from world_model_ros.robots.unfriendly_picture import HEIGHT, WIDTH, StickPicture

NAMES = tuple(f'j{i + 1}' for i in range(7))
ONES = np.ones(7)
RATE, ACCELERATION, PERIOD_S, TIMEOUT_S, START = 1.0, 4.0, 1 / 60, 0.2, 0.05


def arm(kind='position', at=0.0, **settings):
    limits = DriverLimits(
        -1.5 * ONES,
        1.5 * ONES,
        RATE * ONES,
        ACCELERATION * ONES if kind == 'position' else None,
        PERIOD_S,
        TIMEOUT_S,
        START if kind == 'position' else np.inf,
    )
    made = UnfriendlyArm(NAMES, kind, limits, at * ONES)
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def drive(robot, values, begin_s=0.0, jitter=None):
    """Send one value for all joints per period; returns when the next one is due."""
    for i, value in enumerate(values):
        late_s = 0.0 if jitter is None else jitter[i % len(jitter)]
        robot.command(value * ONES, begin_s + i * PERIOD_S + late_s)
    return begin_s + len(values) * PERIOD_S


def smooth(distance=0.5):
    """Positions that keep rate and acceleration of the contract, from 0 to `distance`."""
    t = np.arange(0.0, 2.0, PERIOD_S)
    ramp = RATE / ACCELERATION
    speed = np.clip(
        np.minimum(t * ACCELERATION, (distance / RATE + ramp - t) * ACCELERATION), 0, 1
    )
    return np.cumsum(speed * RATE * PERIOD_S)


def test_it_rests_below_the_target():
    robot = arm(at=0.3)
    robot.advance(0.0)
    robot.advance(5.0)
    np.testing.assert_allclose(robot.position, 0.3 - SAG_RAD)
    drive(robot, [0.29] * 60, 5.0)
    robot.advance(6.0)
    np.testing.assert_allclose(robot.position, 0.29 - SAG_RAD, atol=1e-6)
    assert not robot.fault


def test_commanding_the_measured_position_again_and_again_lets_it_fall():
    robot = arm(at=0.1, sag=0.003)
    robot.advance(0.0)
    for i in range(600):
        robot.advance(2.0 + i * PERIOD_S)
        robot.command(robot.position, 2.0 + i * PERIOD_S)
    assert np.all(robot.position < -0.3) and not robot.fault


@pytest.mark.parametrize('lag_s', [LAG_S, 0.15])
def test_it_follows_late_by_its_lag(lag_s):
    robot, values, end_s = arm(lag_s=lag_s, sag=0.0), smooth(1.0), 0.8  # still at full speed
    drive(robot, values[: int(end_s / PERIOD_S)])
    robot.advance(end_s)
    then = np.interp(end_s - lag_s, np.arange(len(values)) * PERIOD_S, values)
    assert not robot.fault
    np.testing.assert_allclose(robot.position, then, atol=0.02)


@given(
    st.lists(st.floats(0.0, 2 * JITTER_S - 1e-4), min_size=3, max_size=20),
    st.lists(st.integers(0, 100), max_size=4),
)
def test_motion_within_the_contract_never_faults_however_it_arrives(jitter, stalls):
    """Arrivals are spread, and now and then all wait for one that is 50 ms late."""
    robot = arm()
    values, late = smooth(), 0.0
    for i, value in enumerate(values):
        if i in stalls:
            late = 0.05
        late = max(0.0, late - PERIOD_S)
        robot.command(value * ONES, i * PERIOD_S + max(late, 0.5 * jitter[i % len(jitter)]))
    assert robot.fault == '' and robot.taken == len(values)


@pytest.mark.parametrize(
    ('values', 'fault'),
    [
        ([0.0, 0.0, 0.04], 'step'),  # over the rate limit
        ([0.0, 0.0, -0.04], 'step'),
        ([0.0, 0.0, 0.016], 'speed'),  # within the rate limit, but at once
        ([*smooth()[:30], smooth()[29]], 'speed'),  # a dead stop
        ([*smooth()[:30], smooth()[29] - 0.03], 's'),  # a hold at the measured position
        ([0.0, np.nan], 'not a finite number'),
        ([0.1], 'first command'),
        ([0.0, 1.9], 'outside its range'),
    ],
)
def test_the_driver_faults(values, fault):
    robot = arm()
    end_s = drive(robot, values)
    assert fault in robot.fault and robot.fault_count == 1
    here = robot.position.copy()
    drive(robot, [0.0, 0.5, 1.0], end_s)
    robot.advance(end_s + 5.0)
    np.testing.assert_array_equal(robot.position, here)
    assert robot.ignored == 3 and robot.fault_count == 1


@pytest.mark.parametrize('again', ['at full speed', 'from rest'])
def test_after_a_gap_motion_goes_on_or_begins_again(again):
    robot, values = arm(), smooth(1.0)[:30]
    end_s = drive(robot, values) + 0.1
    rest = RATE * PERIOD_S * np.arange(1, 10) if again == 'at full speed' else smooth()[:9]
    drive(robot, values[-1] + rest, end_s)
    assert not robot.fault


def test_after_a_fault_is_cleared_it_holds_where_it_was():
    robot = arm()
    end_s = drive(robot, [0.0, 0.5])
    robot.clear_fault()
    robot.advance(end_s + 1.0)
    np.testing.assert_allclose(robot.position, -SAG_RAD, atol=1e-2)
    drive(robot, [robot.position[0]] * 5, end_s + 1.0)
    assert not robot.fault and robot.fault_count == 1


def test_without_commands_it_holds_the_last_one():
    robot = arm(sag=0.0)
    end_s = drive(robot, smooth())
    last = smooth()[-1]
    robot.advance(end_s + 10.0)
    assert robot.timed_out
    np.testing.assert_allclose(robot.position, last, atol=1e-6)
    robot.command((last + 0.02) * ONES, end_s + 10.0)  # a start again, from where it is
    assert not robot.fault


def test_brakes_ignore_commands_until_they_are_released():
    robot = arm(sag=0.0)
    end_s = drive(robot, smooth()[:40])
    robot.hardware_stop()
    here = robot.position.copy()
    drive(robot, smooth()[40:], end_s)
    robot.advance(end_s + 3.0)
    np.testing.assert_array_equal(robot.position, here)
    assert not robot.fault
    robot.hardware_release()
    drive(robot, [float(here[0])] * 5, end_s + 3.0)
    assert not robot.fault


def test_a_person_moves_one_joint_and_leaves_it():
    robot = arm(at=1.4)
    robot.by_hand = {1: 1.6}
    robot.advance(0.0)
    robot.advance(2.0)
    assert robot.position[1] == pytest.approx(1.6)
    assert robot.position[0] == pytest.approx(1.4 - SAG_RAD)
    robot.release_hand()
    robot.advance(4.0)
    assert robot.position[1] == pytest.approx(1.6 - SAG_RAD)


@pytest.mark.parametrize('kind', ['velocity', 'effort'])
def test_velocities_and_efforts_move_it_and_end_with_the_commands(kind):
    robot = arm(kind)
    ramp = np.minimum(np.arange(120) * RATE * PERIOD_S, 0.5)
    end_s = drive(robot, ramp)
    robot.advance(end_s)
    assert robot.velocity[0] == pytest.approx(0.5, abs=0.05) and not robot.fault
    robot.advance(end_s + 3.0)
    there = robot.position.copy()
    robot.advance(end_s + 4.0)
    np.testing.assert_allclose(robot.position, there, atol=1e-3)
    drive(robot, [0.0, 0.5], end_s + 4.0)
    assert 'step' in robot.fault


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=0, max_size=9))
def test_no_command_at_all_breaks_it(values):
    robot = arm()
    robot.command(np.array(values), 0.0)
    robot.advance(1.0)
    assert np.all(np.isfinite(robot.position)) and np.all(np.abs(robot.position) <= 1.8)


def test_its_limits_are_wider_than_those_of_the_contract():
    robot = arm()
    np.testing.assert_allclose(robot.driver.rate, MARGIN * RATE)
    assert np.all(robot.driver.high > 1.5)


@pytest.mark.parametrize('wrist', [False, True])
def test_pictures_depend_on_every_joint(wrist):
    camera = StickPicture(wrist)
    before = camera.draw(np.zeros(7)).copy()
    assert before.shape == (HEIGHT, WIDTH, 3) and before.dtype == np.uint8
    for i in range(7):
        position = np.zeros(7)
        position[i] = 0.3
        assert np.any(camera.draw(position) != before), NAMES[i]
    np.testing.assert_array_equal(camera.draw(np.zeros(7)), before)
