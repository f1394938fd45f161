# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `bench kills` counts while the learning loop runs. Imports neither rclpy nor torch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from world_model_ros.telemetry.robot_view import RobotView

ROBOT_NEEDS = ('agent', 'guard', 'sim_robot')  # without the others it acts all the same
# A reset between two episodes takes tenths of this, also on a busy machine.
STALLED_S = 3.0


@dataclass
class Counts:
    """What happened so far; the rows of `wrong` are in words, each a fault."""

    back_s: dict[str, list[float]] = field(default_factory=dict)
    pause_s: dict[str, list[float]] = field(default_factory=dict)
    wrong: dict[str, list[Any]] = field(
        default_factory=lambda: {
            'others_ended': [],
            'never_back': [],
            'stalled': [],
            'behind': [],
            'partial_releases': [],
        }
    )
    trainer_was: Counter[str] = field(default_factory=Counter)  # its phase, at its kills

    def back(self, name: str, back_s: float, pause_s: float) -> None:
        """A killed process lives and the robot acts again; `pause_s` went by without a tick."""
        self.back_s.setdefault(name, []).append(back_s)
        self.pause_s.setdefault(name, []).append(pause_s)
        if name not in ROBOT_NEEDS and pause_s > STALLED_S:
            number = len(self.back_s[name])
            self.wrong['stalled'].append(f'{name}, kill {number}: no tick for {pause_s:.1f} s')

    def figures(self) -> dict[str, Any]:
        """Kills, and the times in seconds, by process."""
        return {
            'kills': {name: len(values) for name, values in self.back_s.items()},
            'back_s': {name: _spread(values) for name, values in self.back_s.items()},
            'pause_s': {name: _spread(values) for name, values in self.pause_s.items()},
            'trainer_was': dict(self.trainer_was),
        }


class TickPause:
    """The longest time without a tick since it was made, as far as it is looked at."""

    def __init__(self, view: RobotView, clock: Callable[[], float] = time.monotonic) -> None:
        self.longest_s = 0.0
        self._view, self._clock = view, clock
        self._ticks, self._since_s = view.ticks, clock()

    def look(self) -> None:
        """Note whether there were ticks."""
        now_s = self._clock()
        self.longest_s = max(self.longest_s, now_s - self._since_s)
        if self._view.ticks != self._ticks:
            self._ticks, self._since_s = self._view.ticks, now_s


def _spread(values: list[float]) -> dict[str, float]:
    return {'p50': round(float(np.median(values)), 2), 'max': round(max(values), 2)}
