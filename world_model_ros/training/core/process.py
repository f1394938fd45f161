# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trainer as a process beside others: its priority, its signals, its end.

Imports no torch: `give_way` is called before that import, which takes seconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path
from typing import Protocol

NICE = 19  # of a trainer beside a robot
# Linux may share the processor between sessions first; niceness then counts within one alone.
AUTOGROUP = Path('/proc/self/autogroup')


class Leaves(Protocol):
    """What works until it is asked to leave: the trainer's service."""

    def run(self) -> None:
        """Work."""

    def leave(self) -> None:
        """Save and return from run() soon."""


def give_way(*, idle: bool) -> None:
    """Let the robot's own processes come first; `idle`: whatever else wants to run."""
    os.nice(NICE)
    if idle and hasattr(os, 'SCHED_IDLE'):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if os.getsid(0) == os.getpid():  # in a session of others, a terminal's, they would suffer too
        with contextlib.suppress(OSError):  # no such thing here
            AUTOGROUP.write_text(str(NICE))


def run_until_told(service: Leaves, minutes: float) -> None:
    """Work until SIGTERM or SIGINT, or the given minutes; 0: no limit. The main thread's."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.leave())
    if minutes:
        # A signal to itself: only the main thread can break a long step off.
        timer = threading.Timer(60.0 * minutes, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()
    service.run()
