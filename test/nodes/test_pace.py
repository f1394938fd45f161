# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a simulator does that had no time: fall behind, or leave out what it missed."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy')

from world_model_ros.nodes._pace import Pace

PERIOD_NS = 40_000_000
START_NS = 1_000 * PERIOD_NS


class Clock:
    now_s = 50.0

    def __call__(self):
        return self.now_s


def test_simulated_time_is_due_at_its_speed():
    pace = Pace(START_NS, 2.0, clock=Clock())
    assert pace.due_s(START_NS + 1_000_000_000) == pytest.approx(50.5)


def test_small_delays_are_caught_up():
    clock = Clock()
    for leap_ns in (0, PERIOD_NS):
        pace = Pace(START_NS, 1.0, leap_ns, clock)
        clock.now_s += 0.19
        assert pace.missed_ns(START_NS) == 0
        assert pace.due_s(START_NS) == pytest.approx(clock.now_s - 0.19)


def test_a_clock_of_its_own_falls_behind_after_a_stall():
    clock = Clock()
    pace = Pace(START_NS, 1.0, clock=clock)
    clock.now_s += 3.0
    assert pace.missed_ns(START_NS) == 0
    assert pace.due_s(START_NS) == pytest.approx(clock.now_s - 0.2)


def test_on_the_wall_clock_whole_periods_are_left_out_after_a_stall():
    clock = Clock()
    pace = Pace(START_NS, 1.0, PERIOD_NS, clock)
    clock.now_s += 3.01
    missed_ns = pace.missed_ns(START_NS)
    assert missed_ns == 75 * PERIOD_NS
    assert pace.due_s(START_NS + missed_ns) == pytest.approx(clock.now_s - 0.01)
