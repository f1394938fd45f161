# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Releases that decided nothing, or are damaged in the store, and when the next try may begin.

Kept in memory: an updater that is started again counts from zero. Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Callable

from world_model_ros.fleet.updater_status import UpdaterState

# Before the second and the third preflight: a burst of load passes, then an export of the trainer
# on the same machine does.
PAUSES_SEC = (10.0, 60.0)
MOST = len(PAUSES_SEC) + 1
# Somebody may put an object right; until then it is not fetched again at every poll.
DAMAGED_PAUSES_SEC = (1.0, 5.0, 30.0, 300.0)


class Attempts:
    """Counts for one bundle at a time, the one that the store's pointer names."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Count by a steady clock, in seconds."""
        self._clock = clock
        self._sha, self._count, self._not_before_s = '', 0, 0.0
        self._state: UpdaterState | None = None
        self._reason = ''

    def waiting(self, bundle_sha: str) -> tuple[UpdaterState | None, str]:
        """The state in which a bundle waits, and why; (None, '') when it may be tried."""
        held = bundle_sha == self._sha and self._clock() < self._not_before_s
        return (self._state, self._reason) if held else (None, '')

    def failed(self, bundle_sha: str, reason: str) -> bool:
        """Count a preflight that decided nothing; False: it was the last one."""
        count = self._counted(bundle_sha, UpdaterState.PREFLIGHT)
        if count >= MOST:
            self._sha, self._count = '', 0
            return False
        pause_s = PAUSES_SEC[count - 1]
        self._wait(
            pause_s, f'{reason}; attempt {count} of {MOST}, the next one after {pause_s:g} s'
        )
        return True

    def damaged(self, bundle_sha: str, reason: str) -> None:
        """Count a release that is not what its record says; there is no last one."""
        count = self._counted(bundle_sha, UpdaterState.REFUSED)
        pause_s = DAMAGED_PAUSES_SEC[min(count, len(DAMAGED_PAUSES_SEC)) - 1]
        self._wait(pause_s, f'{reason}; looked at again after {pause_s:g} s')

    def now(self) -> None:
        """Somebody asks: the next try need not wait."""
        self._not_before_s = 0.0

    def _counted(self, bundle_sha: str, state: UpdaterState) -> int:
        same = (bundle_sha, state) == (self._sha, self._state)
        self._sha, self._state = bundle_sha, state
        self._count = self._count + 1 if same else 1
        return self._count

    def _wait(self, pause_s: float, reason: str) -> None:
        self._not_before_s, self._reason = self._clock() + pause_s, reason
