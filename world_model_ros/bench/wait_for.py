# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Waits for what processes do, and says what they printed where it does not come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from world_model_ros.deploy.supervisor import Supervisor

POLL_S = 0.02
LAST_LINES = 3


def wait_for(
    supervisor: Supervisor,
    done: Callable[[], Any],
    what: str,
    seconds: float,
    state: Callable[[], str] = str,
) -> Any:
    """Wait until `done` returns something true, and return it.

    Raises:
        TimeoutError: it did not within so many seconds, or a process ended; with the last lines of
            each process, and what `state` adds.
    """
    give_up_s = time.monotonic() + seconds
    while not (value := done()):
        died = supervisor.died()
        if died or time.monotonic() > give_up_s:
            gone = [f'{child.name} {child.ending}' for child in died]
            logs = {child.name: child.last_lines(LAST_LINES) for child in supervisor.children}
            raise TimeoutError(
                f'{what} within {seconds:g} s; ended: {gone};{state()} logs: {logs}'
            )
        time.sleep(POLL_S)
    return value
