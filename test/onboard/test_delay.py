# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A delay beside command_offset: what moved the robot, what is on its way, how long it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.onboard.agent.delay_meter import find_delay
from world_model_ros.onboard.tick.command_delay import Delay
from world_model_ros.onboard.tick.sent import SentHistory

PERIOD_NS = 40_000_000
STEP_S, PERIOD_S = 0.02, 0.04
START_NS = 1_000_000_000_000
TICKS, INNER = 400, 20  # of a simulation: ticks, and steps in each


@pytest.mark.parametrize(
    ('extra_s', 'ticks'), [(0.0, 0), (0.01, 0), (0.02, 1), (0.04, 1), (0.05, 1), (0.1, 3)]
)
def test_the_belief_is_imagined_for_the_nearest_tick(extra_s, ticks):
    delay = Delay(PERIOD_NS, extra_s)
    assert (delay.ticks, delay.extra_ns) == (ticks, round(extra_s * 1e9))


@pytest.mark.parametrize('halves', range(20))
def test_what_is_on_its_way_follows_what_was_executed_without_a_gap(halves):
    sent = SentHistory(np.zeros(1))
    now_ns = START_NS + 25 * PERIOD_NS
    for i in range(50):
        sent.add(START_NS + i * PERIOD_NS // 2, np.array([float(i)]))
    delay = Delay(PERIOD_NS, halves * 0.02)
    executed = delay.executed(sent, now_ns - PERIOD_NS, now_ns)
    planned = [np.array([50.5], np.float32), np.array([52.5], np.float32)]  # it goes on so
    rows = delay.effects(sent, now_ns, planned)
    assert len(rows) == len(planned) + delay.ticks
    steps = np.diff([float(row[0]) for row in [executed, *rows]])
    undecided = halves % 2  # half of the last row: the newest plan is taken to go on
    # Two commands a tick; a plan says only their mean.
    np.testing.assert_allclose(steps[: len(steps) - undecided], 2.0, atol=0.25)
    np.testing.assert_allclose(steps[len(steps) - undecided :], 1.0)


@settings(deadline=None)
@given(extra_ms=st.integers(0, 400), offset=st.integers(0, 3))
def test_any_delay_gives_commands_between_those_that_were_sent_and_planned(extra_ms, offset):
    sent = SentHistory(np.zeros(1))
    for i in range(50):
        sent.add(START_NS + i * PERIOD_NS // 2, np.array([float(i)]))
    delay = Delay(PERIOD_NS, extra_ms * 1e-3)
    planned = [np.array([60.0 + j], np.float32) for j in range(offset)]
    rows = np.array(delay.effects(sent, START_NS + 25 * PERIOD_NS, planned))
    assert len(rows) == offset + delay.ticks
    assert np.all(np.diff(rows.ravel()) >= 0.0) and np.all(rows <= 59.0 + max(offset, 1))


def simulated(kind, delay_s, seed, noise=1e-4, ticks=TICKS):
    """Stamps, joints, runs, stamps of commands, commands; a command every half tick."""
    rng = np.random.default_rng(seed)
    step_s = PERIOD_S / INNER
    commands = rng.uniform(-1.0, 1.0, 2 * ticks)
    if kind == 'position':
        commands = np.cumsum(commands) * 0.02
    held = np.repeat(commands, INNER // 2)
    lag = round(delay_s / step_s)
    given_ = np.concatenate([np.full(lag, held[0] if kind == 'position' else 0.0), held])
    at, speed, positions = 0.0, 0.0, []
    for i in range(ticks * INNER):
        if i % INNER == 0:
            positions.append(at)
        if kind == 'effort':
            speed += step_s * (5.0 * given_[i] - speed - 3.0 * np.sin(at))
        elif kind == 'velocity':
            speed += step_s * (given_[i] - speed) / 0.03
        else:
            speed = (given_[i] - at) / 0.05
        at += step_s * speed
    joints = np.array(positions)[:, None] + rng.normal(0.0, noise, (ticks, 1))
    stamps = START_NS + np.arange(ticks) * PERIOD_NS
    sent = START_NS + np.arange(2 * ticks) * PERIOD_NS // 2
    return stamps, joints, np.zeros(ticks), sent, commands[:, None]


@pytest.mark.parametrize('kind', ['effort', 'velocity', 'position'])
@pytest.mark.parametrize('delay_s', [0.0, 0.05, 0.1, 0.3])
def test_delay_from_command_to_effect_is_found_to_half_a_tick_and_a_command(kind, delay_s):
    found = find_delay(*simulated(kind, delay_s, 1), STEP_S, PERIOD_S)
    assert found is not None
    assert abs(found.delay_s - delay_s) <= 0.03 + 1e-9
    assert found.low_s <= found.delay_s <= found.high_s


def test_a_robot_that_rests_or_is_moved_by_others_tells_no_delay():
    stamps, joints, runs, sent, commands = simulated('effort', 0.1, 1)
    rng = np.random.default_rng(2)
    still = np.zeros_like(joints)
    assert find_delay(stamps, still, runs, sent, commands, STEP_S, PERIOD_S) is None
    pushed = np.cumsum(rng.normal(size=joints.shape), 0)
    assert find_delay(stamps, pushed, runs, sent, commands, STEP_S, PERIOD_S) is None
    assert find_delay(stamps, joints, runs, sent, 0 * commands, STEP_S, PERIOD_S) is None
    assert (
        find_delay(stamps[:30], joints[:30], runs[:30], sent, commands, STEP_S, PERIOD_S) is None
    )


def test_a_jump_at_the_start_of_an_episode_does_not_disturb():
    stamps, joints, runs, sent, commands = simulated('velocity', 0.1, 3)
    joints[200:] += 50.0
    runs[200:] = 1
    found = find_delay(stamps, joints, runs, sent, commands, STEP_S, PERIOD_S)
    assert found is not None and found.delay_s == pytest.approx(0.1)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(0, 120),
    scale=st.sampled_from([0.0, 1e-12, 1.0, 1e9]),
)
def test_any_finite_recording_gives_a_delay_or_none(seed, count, scale):
    rng = np.random.default_rng(seed)
    stamps = np.unique(START_NS + rng.integers(0, 5_000_000_000, count))
    sent = np.unique(START_NS + rng.integers(0, 5_000_000_000, count))
    joints = scale * rng.normal(size=(len(stamps), 2))
    runs = np.cumsum(rng.random(len(stamps)) < 0.02)
    found = find_delay(
        stamps, joints, runs, sent, scale * rng.normal(size=(len(sent), 2)), STEP_S, PERIOD_S
    )
    assert found is None or 0.0 <= found.delay_s <= 0.4
