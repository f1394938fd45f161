# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The unfriendly arm's own limits: which commands its driver takes, and which are a fault.

Input: commands and their arrival times. Output: '' or the fault in one sentence. It knows nothing
of guards: it judges as the driver of a real arm does, from what arrives, so that a guard that
breaks its word is seen from outside. Must not import contract, onboard, nodes, torch or rclpy.

A driver cannot know when a command was meant, only when it arrived. Each step is therefore taken
with the most lenient duration that its arrival allows: between the arrival times, or one period
of the command rate, and JITTER_S on either side. What faults is impossible under all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

JITTER_S = 0.005  # of one arrival, on a machine that does other things too
MIN_DT_S = 0.001  # two commands in one burst are not a step at infinite speed
MAX_GAP_PERIODS = 3.0  # a longer pause buys no larger step
STILL_PERIODS = 2.0  # after such a gap motion may go on, or begin again from rest
SLACK = 1e-6  # rounding


@dataclass(frozen=True)
class DriverLimits:
    """What the driver allows; arrays are float64 [A] in the units of the command."""

    low: np.ndarray
    high: np.ndarray
    rate: np.ndarray  # largest change of the command, per second
    acceleration: np.ndarray | None  # largest change of that rate, per second; None: unlimited
    period_s: float  # of the commands it expects
    timeout_s: float  # without a command; the next one is a start again
    start_tolerance: float  # how far the first command may be from where the robot is


class CommandJudge:
    """Judges successive commands by their arrival."""

    def __init__(self, names: tuple[str, ...], limits: DriverLimits) -> None:
        self.names = names
        self.limits = limits
        self._last: np.ndarray | None = None
        self._last_s = 0.0
        self._speed = (np.zeros(len(names)), np.zeros(len(names)))  # at least, at most

    def forget(self) -> None:
        """The next command is a start: after a fault, a stop or brakes."""
        self._last = None

    def judge(self, values: np.ndarray, now_s: float, *at: np.ndarray) -> str:
        """Judge the command [A] that arrived at `now_s`; '' if it can be taken.

        `at` are the positions that a first command may start from (the target that is held, the
        measured position); none where a command is not a position.
        """
        limits = self.limits
        if values.shape != (len(self.names),):
            return f'command has {values.size} values, expected {len(self.names)}'
        if not np.all(np.isfinite(values)):
            joint = self.names[int(np.argmin(np.isfinite(values)))]
            return f'command for {joint} is not a finite number'
        outside = np.maximum(limits.low - values, values - limits.high)
        if np.any(outside > SLACK):
            i = int(np.argmax(outside))
            return (
                f'command {values[i]:.4f} for {self.names[i]} is outside its range '
                f'{limits.low[i]:.4f} to {limits.high[i]:.4f}'
            )
        dt_s = now_s - self._last_s
        if self._last is None or dt_s > limits.timeout_s:
            fault = self._judge_start(values, at)
        else:
            fault = self._judge_step(values, values - self._last, max(dt_s, 0.0))
        self._last, self._last_s = values, now_s
        return fault

    def _judge_start(self, values: np.ndarray, at: tuple[np.ndarray, ...]) -> str:
        """A first command may be off by as much as the arm sags."""
        self._speed = (np.zeros(len(values)), np.zeros(len(values)))
        starts = at or (np.zeros(len(values)),)
        away = np.min([np.abs(values - start) for start in starts], axis=0)
        i = int(np.argmax(away))
        if away[i] > self.limits.start_tolerance + SLACK:
            return (
                f'first command for {self.names[i]} is {away[i]:.4f} away from where it is, at '
                f'most {self.limits.start_tolerance:.4f} is allowed'
            )
        return ''

    def _judge_step(self, values: np.ndarray, step: np.ndarray, dt_s: float) -> str:
        limits, period_s = self.limits, self.limits.period_s
        longest_s = min(max(dt_s, period_s), MAX_GAP_PERIODS * period_s) + JITTER_S
        shortest_s = max(min(dt_s, period_s) - JITTER_S, MIN_DT_S)
        slow, fast = step / longest_s, step / shortest_s
        low, high = np.minimum(slow, fast), np.maximum(slow, fast)
        over = np.abs(slow) - limits.rate
        if np.any(over > SLACK):
            i = int(np.argmax(over))
            return (
                f'step {step[i]:+.4f} of {self.names[i]} in {1e3 * dt_s:.1f} ms: at least '
                f'{abs(slow[i]):.3f} per second, limit {limits.rate[i]:.3f}'
            )
        last_low, last_high = self._speed
        if dt_s > STILL_PERIODS * period_s + JITTER_S:  # the target stood still meanwhile
            last_low, last_high = np.minimum(last_low, 0.0), np.maximum(last_high, 0.0)
        self._speed = (low, high)
        if limits.acceleration is None:
            return ''
        jump = np.maximum(low - last_high, last_low - high)
        over = jump - limits.acceleration * longest_s
        if np.any(over > SLACK):
            i = int(np.argmax(over))
            return (
                f'speed of {self.names[i]} changed by at least {jump[i]:.3f} per second in '
                f'{1e3 * dt_s:.1f} ms, limit {limits.acceleration[i] * longest_s:.3f}'
            )
        return ''
