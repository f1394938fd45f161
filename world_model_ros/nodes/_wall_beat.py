# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A real robot's guard samples by a metronome on the steady clock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from rclpy.node import Node

from world_model_ros.nodes._common import NANOSECONDS
from world_model_ros.nodes._metronome import Metronome

Send = Callable[[int, float, str], None]
REST_SEC = 3.0  # coming to rest may take so long before a deactivation; longer for slow robots
REST_SHARE = 1.5  # of the time that the limits allow a stop to take
# Samples that fail one after the other before the metronome is given up: a driver that hears
# nothing for so long has its own timeout.
FAILED_SAMPLES = 5
AT_ONCE_SEC, READ_AGAIN = 0.001, 5


class WallBeat:
    """A real robot: a metronome on the steady clock; everything times out by that clock."""

    simulated = False
    settles = True
    repeats = False

    def __init__(self, node: Node, period_ns: int, send: Send) -> None:
        self._clock, self._period_ns, self._send = node.get_clock(), period_ns, send
        self._metronome: Metronome | None = None
        self._failed_samples = 0
        self.late_s = 0.0
        self._before = (0, 0.0)  # the sample before, on both clocks
        self.problem = ''

    def robot_s(self) -> float:
        """The clock that measurements age by."""
        return time.monotonic()

    def timeout_s(self, start_ns: int) -> float:
        """The clock that times out, when a chunk comes."""
        return time.monotonic()

    def now_ns(self) -> int:
        """The robot's time."""
        return self._clock.now().nanoseconds

    def unready(self) -> str:
        """Why motion must not begin by this clock now: never."""
        return ''

    def begin(self) -> None:
        """Sample from now on."""
        self._failed_samples, self.problem = 0, ''
        self._metronome = Metronome(self._period_ns / NANOSECONDS, self._beat)

    def end(self) -> None:
        """Sample no more."""
        if self._metronome is not None:
            self._metronome.close()
        self._metronome = None

    def failed(self) -> str:
        """What ended the sampling, ''."""
        metronome = self._metronome
        return '' if metronome is None or metronome.alive else repr(metronome.error)

    def rest(self, at_rest: Callable[[], bool], seconds: float) -> None:
        """Wait until the robot is at rest, which the limits allow to take `seconds`.

        The metronome goes on meanwhile; if it broke, this thread takes its place.
        """
        give_up_s = time.monotonic() + max(REST_SEC, REST_SHARE * seconds)
        while not at_rest() and time.monotonic() < give_up_s:
            time.sleep(self._period_ns / NANOSECONDS)
            if self.failed():
                with contextlib.suppress(Exception):
                    self._sample(time.monotonic())

    def chunk_came(self) -> None:
        """A chunk was taken; it is looked at when the next sample is due."""

    def _beat(self, due_s: float) -> None:
        try:
            self._sample(due_s)
            self._failed_samples = 0
        except Exception as error:
            self._failed_samples += 1
            self.problem = f'a sample failed: {error!r}'
            if self._failed_samples >= FAILED_SAMPLES:
                raise

    def _sample(self, due_s: float) -> None:
        # The time of the grid, not of the moment: commands are spaced evenly. Both clocks are read
        # at one moment; a thread that lost the processor between them reads again.
        for _ in range(READ_AGAIN):
            before_s = time.monotonic()
            now_ns = self._clock.now().nanoseconds
            now_s = time.monotonic()
            if now_s - before_s < AT_ONCE_SEC:
                break
        self.late_s = now_s - due_s
        due_ns = self._on_grid(now_ns - round(self.late_s * NANOSECONDS), due_s)
        self._send(due_ns, now_s, '')

    def _on_grid(self, due_ns: int, due_s: float) -> int:
        """The due time without the jitter of reading clocks, which would be a step of speed.

        It follows a clock that is slewed by a hundredth of a period at a time, and one that was
        set at once.
        """
        before_ns, before_s = self._before
        passed_ns = round((due_s - before_s) * NANOSECONDS)
        off_ns = due_ns - before_ns - passed_ns
        if before_ns and abs(off_ns) < self._period_ns:
            most_ns = self._period_ns // 100
            due_ns = before_ns + passed_ns + min(max(off_ns, -most_ns), most_ns)
        self._before = (due_ns, due_s)
        return due_ns
