# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Locks: what shuts sources out by its priority, as in twist_mux. A dead-man is one of them.

A lock shuts out the sources of a lower priority while it says so, and once nothing was heard of
it for its timeout. Input: what each topic or zone says, and a clock. Output: the highest lock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from world_model_ros.contract.guard_settings import Lock
from world_model_ros.onboard.guard.reasons import Reason, ReasonKind


class Shut(NamedTuple):
    """Sources below this priority are shut out, and why."""

    priority: int
    reason: Reason | None


OPEN = Shut(0, None)


class Locks:
    """The newest word of each lock."""

    def __init__(self, locks: Sequence[Lock]) -> None:
        self._locks = sorted(locks, key=lambda lock: -lock.priority)
        self._heard_s = {lock.name: -math.inf for lock in locks}
        self._shut = {lock.name: True for lock in locks}
        # Found once, not at each sample.
        self._silent = {
            lock.name: Reason(
                _kind(lock),
                f'{lock.topic} was not heard for {lock.timeout_s:g} s: {_remedy(lock)}',
            )
            for lock in locks
        }
        self._says = {
            lock.name: Reason(_kind(lock), f'{lock.name} on {lock.topic}: {_remedy(lock)}')
            for lock in locks
        }

    def hear(self, name: str, pressed: bool, now_s: float) -> None:
        """A lock says that it is pressed, or not."""
        lock = next(lock for lock in self._locks if lock.name == name)
        self._shut[name] = pressed != lock.hold_to_run
        self._heard_s[name] = now_s

    def highest(self, now_s: float) -> Shut:
        """The lock of the highest priority that is shut now."""
        for lock in self._locks:
            if not abs(now_s - self._heard_s[lock.name]) <= lock.timeout_s:
                return Shut(lock.priority, self._silent[lock.name])
            if self._shut[lock.name]:
                return Shut(lock.priority, self._says[lock.name])
        return OPEN


def _kind(lock: Lock) -> ReasonKind:
    return ReasonKind.DEAD_MAN if lock.hold_to_run else ReasonKind.LOCKED


def _remedy(lock: Lock) -> str:
    return 'press and hold it to let the robot move' if lock.hold_to_run else 'locked'
