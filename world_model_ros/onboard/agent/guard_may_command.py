# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether what is heard on the command topic may be the guard's own.

A message does not say who sent it, and the guard's status comes less often than its commands. So
the guard counts as commanding from the moment it is asked to, until it has said otherwise. Pure.
"""

from __future__ import annotations

ANSWER_SEC = 2.0  # in which a guard that is asked to begin has begun, or has said that it has not
SILENT_SEC = 2.0  # of an active guard: it is gone, and what is heard is somebody else's
SETTLE_SEC = 0.5  # for the last command to arrive after the guard has said that it rests


class GuardMayCommand:
    """Times on the clock that times out, in seconds."""

    def __init__(self) -> None:
        self._until_s = -float('inf')
        self._active = False

    def asked(self, now_s: float) -> None:
        """The guard is asked to command."""
        self._until_s = max(self._until_s, now_s + ANSWER_SEC)

    def refused(self, now_s: float) -> None:
        """It has said that it will not."""
        if not self._active:
            self._until_s = min(self._until_s, now_s + SETTLE_SEC)

    def heard(self, active: bool, now_s: float) -> None:
        """The guard has said whether it commands."""
        if active:
            self._until_s = max(self._until_s, now_s + SILENT_SEC)
        elif self._active:
            self._until_s = now_s + SETTLE_SEC
        self._active = active

    def at(self, now_s: float) -> bool:
        """Whether a command that is heard now may be the guard's."""
        return now_s < self._until_s
