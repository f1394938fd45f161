# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Preflights that decided nothing, and when the next one may begin.

Kept in memory: an updater that starts anew counts anew. Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Callable

# Before the second and the third attempt: a burst of load passes, then an export of the trainer
# on the same machine does.
PAUSES_SEC = (10.0, 60.0)
MOST = len(PAUSES_SEC) + 1


class Attempts:
    """Counts for one bundle at a time, the one that the store's pointer names."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Count by a steady clock, in seconds."""
        self._clock = clock
        self._sha, self._count, self._not_before_s, self._reason = '', 0, 0.0, ''

    def waiting(self, bundle_sha: str) -> str:
        """Why a bundle is not tried now; '' when it may be."""
        held = bundle_sha == self._sha and self._clock() < self._not_before_s
        return self._reason if held else ''

    def failed(self, bundle_sha: str, reason: str) -> bool:
        """Count an attempt that decided nothing; False: it was the last one."""
        self._count = self._count + 1 if bundle_sha == self._sha else 1
        self._sha = bundle_sha
        if self._count >= MOST:
            self._sha, self._count = '', 0
            return False
        pause_s = PAUSES_SEC[self._count - 1]
        self._not_before_s = self._clock() + pause_s
        self._reason = (
            f'{reason}; attempt {self._count} of {MOST}, the next one after {pause_s:g} s'
        )
        return True
