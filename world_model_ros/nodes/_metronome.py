# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Calls at a fixed rate on the steady clock, from a thread of its own.

Owns the grid of due times. What is called gets the time that was due, so that commands are spaced
evenly although a computer is late now and then; whole periods that passed are left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Metronome:
    """Runs `beat(due_s)` once a period until it is closed; due_s is on time.monotonic()."""

    def __init__(self, period_s: float, beat: Callable[[float], None]) -> None:
        self._period_s, self._beat = period_s, beat
        self._ended = threading.Event()
        self.error: BaseException | None = None  # what ended it, if it was not close()
        self._thread = threading.Thread(target=self._run, name='metronome', daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still beats."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Beat no more; returns when the last beat is over."""
        self._ended.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        due_s = time.monotonic()
        try:
            while not self._ended.wait(max(0.0, due_s - time.monotonic())):
                self._beat(due_s)
                missed = int((time.monotonic() - due_s) / self._period_s)
                due_s += self._period_s * max(1, missed)
        except BaseException as error:
            self.error = error
            raise
