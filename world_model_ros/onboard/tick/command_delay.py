# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A delay between command and effect that `command_offset` does not cover.

A driver that lets every command wait shifts what moves the robot: at a tick those commands count
that were sent this much earlier, and what was sent since then is known but has not moved anything.
The belief is imagined forward under it. Evaluation and the agent use this one class.

A belief exists at whole ticks only: one is imagined for the tick nearest to the moment from which
a new chunk moves the robot. To let chunks wait until that tick would be exact, and worse: the
robot would be controlled that much later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from world_model_ros.onboard.tick.sent import SentHistory


class Delay:
    """What follows from a delay of so many seconds, 0 for none."""

    def __init__(self, period_ns: int, extra_s: float = 0.0) -> None:
        self.extra_ns = round(extra_s * 1e9)
        self.ticks = (2 * self.extra_ns + period_ns) // (2 * period_ns)  # to imagine over
        self._period_ns = period_ns

    def executed(self, sent: SentHistory, t0_ns: int, t1_ns: int) -> np.ndarray:
        """Mean command (float32 [A]) that moved the robot over [t0, t1)."""
        return sent.mean(t0_ns - self.extra_ns, t1_ns - self.extra_ns)

    def effects(
        self, sent: SentHistory, t_ns: int, planned: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """Mean commands [A] that will move the robot in each period from t_ns on.

        Args:
            sent: what was sent before t_ns.
            t_ns: a tick.
            planned: what will be sent in each period from then on, as far as it is decided; the
                last of it, or of what was sent, is taken to go on.

        Returns:
            One row for each of `planned`, and `ticks` more.
        """
        return [
            self._effect(sent, t_ns, planned, t_ns - self.extra_ns + i * self._period_ns)
            for i in range(len(planned) + self.ticks)
        ]

    def _effect(
        self, sent: SentHistory, t_ns: int, planned: Sequence[np.ndarray], start_ns: int
    ) -> np.ndarray:
        """Mean of the commands of [start, start + period), which may lie in two periods."""
        period_ns = self._period_ns

        def command(index: int) -> np.ndarray:
            known = planned[min(index, len(planned) - 1)] if planned else None
            return sent.mean(t_ns - period_ns, t_ns) if known is None else known

        index, into_ns = divmod(start_ns - t_ns, period_ns)
        if index < -1 or (index < 0 and into_ns == 0):
            return sent.mean(start_ns, start_ns + period_ns)
        if into_ns == 0:
            return command(index)
        first = sent.mean(start_ns, t_ns) if index < 0 else command(index)
        mixed: np.ndarray = first + into_ns / period_ns * (command(index + 1) - first)
        return mixed.astype(np.float32)
