# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A delay between command and effect that `command_offset` does not cover.

A driver that lets every command wait shifts what moves the robot: at a tick those commands count
that were sent this much earlier, and what was sent since then is known but has not moved anything.
The belief is imagined forward under it. Evaluation and the agent use this one class. A belief
exists at whole ticks only: a delay between two is rounded to the nearest. Where that is the later
one, commands wait here for the rest, so that the delay is one of whole ticks.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.onboard.tick.sent import SentHistory


class Delay:
    """What follows from a delay of so many seconds, 0 for none."""

    def __init__(self, period_ns: int, extra_s: float = 0.0) -> None:
        self.extra_ns = round(extra_s * 1e9)
        self.ticks = (2 * self.extra_ns + period_ns) // (2 * period_ns)
        self.wait_ns = max(0, self.ticks * period_ns - self.extra_ns)
        self.sent_ticks = min(self.ticks, self.extra_ns // period_ns)  # rows of on_the_way()
        self._period_ns = period_ns

    def executed(self, sent: SentHistory, t0_ns: int, t1_ns: int) -> np.ndarray:
        """Mean command (float32 [A]) that moved the robot over [t0, t1)."""
        return sent.mean(t0_ns - self.extra_ns, t1_ns - self.extra_ns)

    def on_the_way(self, sent: SentHistory, t_ns: int) -> list[np.ndarray]:
        """Commands [A] of the whole ticks that were sent before t_ns and count after it."""
        start_ns = t_ns - self.extra_ns
        return [
            sent.mean(start_ns + i * self._period_ns, start_ns + (i + 1) * self._period_ns)
            for i in range(self.sent_ticks)
        ]
