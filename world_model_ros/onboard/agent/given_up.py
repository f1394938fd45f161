# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counts the chunks that were given up, or not sent, for want of a usable input.

A spell begins with the first of them and ends when none came for a while. It is a warning at
first and an error when it lasts. Written by the worker, read by the executor's thread. Holds no
ROS entity.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LASTING_SEC = 1.0  # a single lost message is a warning; what lasts longer is an error
CALM_SEC = 2.0  # twice the period of the diagnostics, so that no spell ends unseen
REPEAT_SEC = 10.0  # the log names a spell that lasts again after this time
CALM, WARN, ERROR = 0, 1, 2


class GivenUp:
    """How many, of which stream, since when and why."""

    def __init__(self, log: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        self.counts: dict[str, int] = {}  # stream -> chunks, since the node was configured
        self._log, self._clock = log, clock
        self._first_s = self._last_s = self._logged_s = 0.0
        self._spell = 0  # chunks in this spell; 0: there is none
        self._logged = CALM
        self.stream = self._reason = ''

    def note(self, stream: str, reason: str) -> None:
        """A chunk was given up or not sent, because of this stream."""
        now_s = self._clock()
        if not self._spell or now_s - self._last_s > CALM_SEC:
            self._spell, self._first_s, self._logged = 0, now_s, CALM
        self.counts[stream] = self.counts.get(stream, 0) + 1
        self.stream, self._reason = stream, reason
        self._spell += 1
        self._last_s = now_s
        level, text = self.report()
        if level > self._logged or now_s - self._logged_s > REPEAT_SEC:
            self._logged, self._logged_s = level, now_s
            self._log(text)

    def sent(self) -> None:
        """A chunk was sent; the log says so where a spell is over."""
        if self._spell and self._clock() - self._last_s > CALM_SEC:
            self._log(f'{self.stream} is usable again; {self._spell} chunks were given up')
            self._spell = 0

    def report(self) -> tuple[int, str]:
        """Level (CALM, WARN or ERROR) and the reason in words."""
        if not self._spell or self._clock() - self._last_s > CALM_SEC:
            return CALM, ''
        lasted = self._last_s - self._first_s >= LASTING_SEC
        return (ERROR if lasted else WARN), f'{self.head()}: {self._reason}'

    def head(self) -> str:
        """The report without its reason."""
        lasted_s = self._last_s - self._first_s
        chunks = f'{self._spell} chunk{"s" if self._spell > 1 else ""} given up or not sent'
        return f'no usable {self.stream} ({chunks} in {lasted_s:.1f} s)'
