# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A guard on simulated time goes on with the safe action when /clock stands still."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

rclpy = pytest.importorskip('rclpy')

from rosgraph_msgs.msg import Clock

from world_model_ros.nodes import _common, _sim_beat, _wall_beat
from world_model_ros.nodes._sim_beat import CLOCK_SILENT_SEC, SimBeat

PERIOD_NS = 20_000_000


class Stage:
    """A node that only remembers its callbacks, a steady clock, and what was sent."""

    def __init__(self, monkeypatch):
        self.now_s, self.sent = 100.0, []
        monkeypatch.setattr(_sim_beat.time, 'monotonic', lambda: self.now_s)
        self.beat = SimBeat(self, PERIOD_NS, 0.1, lambda *what: self.sent.append(what))
        self.beat.begin()

    def create_subscription(self, _kind, _topic, callback, _qos):
        self.on_clock = callback

    def create_timer(self, _period_s, callback, clock):
        self.on_watchdog = callback

    def pass_time(self, seconds, clock_ns=None):
        """Real time passes, with a message of /clock each 10 ms: this time, or none."""
        self.sent.clear()
        for _ in range(round(seconds / 0.01)):
            self.now_s += 0.01
            if clock_ns is not None:
                self.on_clock(Clock(clock=_common.to_time(clock_ns)))
            self.on_watchdog()


@pytest.mark.parametrize('clock_ns', [None, 1_000_000_000], ids=['ended', 'paused'])
def test_a_clock_that_ends_or_repeats_the_same_time_leads_to_the_safe_action(
    monkeypatch, clock_ns
):
    stage = Stage(monkeypatch)
    assert 'no /clock yet' in stage.beat.unready()
    stage.on_clock(Clock(clock=_common.to_time(1_000_000_000)))
    assert not stage.beat.unready()
    stage.pass_time(CLOCK_SILENT_SEC + 0.1, clock_ns)
    assert 'stands still' in stage.beat.unready()  # positions do not grow old by this clock
    assert stage.sent and all(rest for _, _, rest in stage.sent)
    assert '/clock' in stage.beat.problem
    stage.pass_time(0.02, 1_020_000_000)
    assert [rest for _, _, rest in stage.sent] == [''] and not stage.beat.problem
    assert not stage.beat.unready()


def test_a_thread_that_is_late_between_two_clocks_does_not_turn_time_back(monkeypatch):
    """Each sample is stamped on the grid, also when the system takes the processor away."""
    steady = [100.0]
    jumps = iter([0.0, 0.03, *[0.0] * 20])  # between the first clock and the second

    class Clock:
        def now(self):
            steady[0] += next(jumps)
            return SimpleNamespace(nanoseconds=round(steady[0] * 1e9))

    monkeypatch.setattr(_wall_beat.time, 'monotonic', lambda: steady[0])
    stamps = []
    node = SimpleNamespace(get_clock=Clock)
    beat = _wall_beat.WallBeat(node, PERIOD_NS, lambda t_ns, *_: stamps.append(t_ns))
    for due_s in (100.0, 100.02, 100.04):
        steady[0] = max(steady[0], due_s)
        beat._beat(due_s)
    assert stamps == [100_000_000_000, 100_020_000_000, 100_040_000_000]
