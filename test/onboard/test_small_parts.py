# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ticks, sent commands, noise and latency."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.onboard.policy.noise import Noise, noise_key
from world_model_ros.onboard.tick.latency import Latency
from world_model_ros.onboard.tick.sent import SentHistory
from world_model_ros.onboard.tick.ticker import Jump, Ticker

MS = 1_000_000
PERIOD = 40 * MS
# Fixed when format 1 was: recorded ticks are replayed with these numbers.
NOISE_1_2_3 = [-1.1476657, -0.6059762, -0.5383383, 0.1048482]
KEY_OF_2F1C = 1951805828203730664


def ticker(t0=1000 * MS):
    ticks = Ticker(PERIOD, PERIOD)
    ticks.start(t0)
    return ticks


def test_ticks_stay_on_the_grid_however_late_they_are_noticed():
    ticks = ticker()
    seen = [ticks.due(1000 * MS + late) for late in (1 * MS, 43 * MS, 99 * MS)]
    assert [t.t_ns for t in seen] == [1000 * MS, 1040 * MS, 1080 * MS]
    assert [t.skipped for t in seen] == [0, 0, 0]


def test_a_tick_is_due_once_and_not_before_its_time():
    ticks = ticker()
    assert ticks.due(999 * MS) is None
    assert ticks.due(1000 * MS) is not None
    assert ticks.due(1039 * MS) is None


def test_passed_over_ticks_are_counted():
    ticks = ticker()
    ticks.due(1000 * MS)
    tick = ticks.due(1125 * MS)
    assert (tick.index, tick.skipped, tick.t_ns) == (3, 2, 1120 * MS)


@given(st.lists(st.integers(0, 200 * MS), max_size=50))
def test_ticks_and_skips_add_up(steps):
    ticks, now, total = ticker(0), 0, 0
    for step in steps:
        now += step
        tick = ticks.due(now)
        if tick:
            total += 1 + tick.skipped
            assert total == tick.index + 1
            assert tick.t_ns == tick.index * PERIOD <= now


@pytest.mark.parametrize(
    'step, jump',
    [(0, Jump.NONE), (1000 * MS, Jump.NONE), (1001 * MS, Jump.FORWARD), (-1, Jump.BACKWARD)],
)
def test_jumps_of_the_clock_are_told(step, jump):
    ticks = ticker()
    assert ticks.jump(5000 * MS) is Jump.NONE
    assert ticks.jump(5000 * MS + step) is jump


def test_a_camera_slightly_off_its_rate_never_skips_by_drift():
    ticks = ticker()
    frames = [ticks.due_at_stamp(round(i * PERIOD * 1.01)) for i in range(500)]
    assert [t.index for t in frames] == list(range(500))
    assert not any(t.skipped for t in frames)


def test_a_lost_frame_is_a_skipped_tick_and_a_double_frame_none():
    ticks = ticker()
    ticks.due_at_stamp(0)
    assert ticks.due_at_stamp(10 * MS) is None
    assert ticks.due_at_stamp(81 * MS).skipped == 1


def test_lateness_counts_from_the_time_of_effect():
    ticks = ticker()
    tick = ticks.due(1000 * MS)
    assert ticks.lateness_s(tick, 1030 * MS) == pytest.approx(-0.01)
    assert ticks.lateness_s(tick, 1045 * MS) == pytest.approx(0.005)


def history(*samples, capacity=256):
    sent = SentHistory(np.zeros(2), capacity)
    for stamp, value in samples:
        sent.add(stamp, np.array([value, -value]))
    return sent


def test_the_mean_is_over_the_half_open_interval():
    sent = history((0, 1.0), (20, 2.0), (40, 9.0))
    assert sent.mean(0, 40).tolist() == [1.5, -1.5]
    assert sent.count(0, 40) == 2


def test_the_mean_does_not_depend_on_the_order_of_arrival():
    values = [(i * 20, 0.1 * i**3) for i in range(7)]
    assert history(*values).mean(0, 999).tobytes() == history(*values[::-1]).mean(0, 999).tobytes()


def test_without_samples_the_command_before_is_in_force():
    sent = history((0, 1.0), (20, 2.0))
    assert sent.mean(40, 80).tolist() == [2.0, -2.0]
    assert history().mean(0, 40).tolist() == [0.0, 0.0]
    sent.clear()
    assert sent.mean(40, 80).tolist() == [0.0, 0.0]


def test_the_history_of_commands_is_bounded():
    sent = history(*((i, float(i)) for i in range(10)), capacity=4)
    assert sent.count(0, 100) == 4
    assert sent.mean(0, 100)[0] == 7.5


def draw(noise, tick, iteration):
    return noise.normal(tick, iteration, np.zeros((16, 3, 2), np.float32)).copy()


def test_noise_depends_on_its_address_alone():
    noise = Noise(5)
    first = draw(noise, 3, 1)
    draw(noise, 4, 0)
    assert np.array_equal(draw(noise, 3, 1), first)
    assert np.array_equal(draw(Noise(5), 3, 1), first)


def test_every_part_of_the_address_counts():
    draws = [draw(Noise(k), t, i) for k, t, i in ((1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1))]
    assert len({d.tobytes() for d in draws}) == 4
    assert all(abs(d.mean()) < 0.5 and 0.5 < d.std() < 1.5 for d in draws)


def test_noise_is_the_same_on_every_machine():
    assert Noise(1).normal(2, 3, np.zeros(4, np.float32)).tolist() == pytest.approx(
        NOISE_1_2_3, abs=1e-6
    )
    assert noise_key('2f1c6b1e-0000-4000-8000-000000000000') == KEY_OF_2F1C


def test_percentiles_roll_and_ignore_what_has_left_the_window():
    latency = Latency(window=100)
    assert latency.p99 == 0.0
    for value in [9.0] * 100 + list(range(100)):
        latency.add(float(value))
    assert (latency.p50, latency.p99) == (50.0, 99.0)


def test_few_durations_count_with_their_longest():
    latency = Latency()
    for value in (0.01, 0.03, 0.02):
        latency.add(value)
    assert latency.p99 == 0.03
