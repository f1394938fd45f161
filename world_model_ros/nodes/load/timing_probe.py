# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Listens to a running robot with a wall clock, for `world-model bench run`.

In simulated time stamps cannot show how late a message was, so this process notes when messages
reach it. At its end it prints its samples as one JSON object. Commands nothing; decodes stamps
alone.
"""

from __future__ import annotations

import json
import sys
import time

from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary

CLOCKS_KEPT = 64  # /clock stamps that a sample of the guard may still belong to


class TimingProbe(Node):
    """Notes arrival times of /clock, chunks and what the guard sent."""

    def __init__(self) -> None:
        super().__init__('timing_probe')
        self._clock_s: dict[int, float] = {}  # stamp -> when it came in
        self._last_s: dict[str, float] = {}
        self.samples: dict[str, list[float]] = {'chunk_interval_s': [], 'sent_interval_s': []}
        self.samples['guard_latency_s'] = []
        boundary = Boundary(self)
        for kind, topic, heard in (
            (Clock, '/clock', self._on_clock),
            (JointState, 'guard/sent', self._on_sent),
            (JointTrajectory, 'agent/chunk', self._on_chunk),
        ):
            on_message = boundary.wrap(topic, heard)
            self.create_subscription(kind, topic, on_message, _common.RELIABLE_QOS, raw=True)

    def _on_clock(self, cdr: bytes) -> None:
        self._clock_s[_common.cdr_stamp_ns(cdr)] = time.monotonic()
        if len(self._clock_s) > CLOCKS_KEPT:
            del self._clock_s[next(iter(self._clock_s))]

    def _on_sent(self, cdr: bytes) -> None:
        now_s = time.monotonic()
        self._interval('sent_interval_s', now_s)
        told_s = self._clock_s.get(_common.cdr_stamp_ns(cdr))
        # Both came over DDS; the two transports take the same time up to their own jitter, so a
        # fast guard can seem to answer a little before the question.
        if told_s is not None:
            self.samples['guard_latency_s'].append(now_s - told_s)

    def _on_chunk(self, _cdr: bytes) -> None:
        self._interval('chunk_interval_s', time.monotonic())

    def _interval(self, name: str, now_s: float) -> None:
        if name in self._last_s:
            self.samples[name].append(now_s - self._last_s[name])
        self._last_s[name] = now_s

    def close(self) -> None:
        """Print what was collected."""
        sys.stdout.write(json.dumps(self.samples) + '\n')
        sys.stdout.flush()


def main() -> None:
    """Run the probe until a signal."""
    sys.exit(_common.run_node(TimingProbe))


if __name__ == '__main__':
    main()
