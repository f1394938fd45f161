# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Commands with a limit on jerk: smooth, never beyond a limit, and they arrive."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.onboard.guard.motion import Limits, Motion
from world_model_ros.onboard.guard.reasons import ReasonKind

DT = 0.02
RATE, ACCELERATION, JERK = np.array([1.0, 1.5]), np.array([4.0, 6.0]), np.array([40.0, 60.0])
LOW, HIGH = np.array([-1.5, -2.5]), np.array([1.0, 2.0])
START = np.array([0.2, 1.0])


def moving(jerk=JERK, start=START):
    motion = Motion(Limits(LOW, HIGH, RATE, ACCELERATION, RATE, jerk))
    motion.start(start)
    return motion


def step(motion, target, brake=False):
    """One step, held against every limit; its reasons."""
    before, speed, acceleration = motion.state
    reasons = []
    if brake:
        motion.brake(DT, reasons)
    else:
        motion.to(np.asarray(target, float), np.zeros(2), DT, reasons)
    assert (motion.value >= LOW).all() and (motion.value <= HIGH).all()
    assert (np.abs(motion.value - before) <= RATE * DT + 1e-9).all()
    assert (np.abs(motion.speed - speed) <= ACCELERATION * DT + 1e-9).all()
    assert (np.abs(motion.acceleration - acceleration) <= JERK * DT * (1 + 1e-6) + 1e-6).all()
    return [reason.kind for reason in reasons]


def test_a_step_of_the_target_is_reached_smoothly_and_without_overshoot():
    motion = moving(start=np.array([-1.0, -1.0]))
    kinds, values = [], []
    for _ in range(150):
        kinds += step(motion, [0.0, 0.0])
        values.append(motion.value)
    assert np.max(values, axis=0).tolist() == [0.0, 0.0] == motion.value.tolist()
    assert not motion.speed.any() and not motion.acceleration.any()
    assert ReasonKind.JERK in kinds
    # Hardly later than with the acceleration limit alone, which takes 1.25 s for the first joint.
    assert np.argmax(np.array(values)[:, 0] == 0.0) * DT < 1.6


def test_without_a_jerk_limit_nothing_changes():
    motion = moving(jerk=np.full(2, np.inf))
    reasons = []
    motion.to(np.zeros(2), np.zeros(2), DT, reasons)
    np.testing.assert_allclose(motion.speed, -ACCELERATION * DT)
    assert ReasonKind.JERK not in [reason.kind for reason in reasons]


TARGETS = st.lists(
    st.tuples(
        st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=2),
        st.integers(1, 30),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=12, deadline=None)
@given(TARGETS)
def test_no_sequence_of_targets_and_stops_breaks_a_limit_and_the_last_is_reached(targets):
    motion = moving()
    for target, count, brake in targets:
        for _ in range(count):
            step(motion, target, brake)
    for _ in range(300):  # 3.5 rad at 1 rad/s, and its ends
        motion.to(np.array(targets[-1][0]), np.zeros(2), DT, [])
    np.testing.assert_array_equal(motion.value, np.clip(targets[-1][0], LOW, HIGH))
    assert not motion.speed.any()


@settings(max_examples=15, deadline=None)
@given(TARGETS)
def test_a_stop_ends_at_rest_wherever_it_begins(targets):
    motion = moving()
    for target, count, _ in targets:
        for _ in range(count):
            step(motion, target)
    for _ in range(60):  # 1.5 rad/s at 6 rad/s² with 60 rad/s³ takes 0.35 s
        step(motion, None, brake=True)
    assert not motion.speed.any()
