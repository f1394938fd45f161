# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where an updater stands, in words. Must not import ROS or torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class UpdaterState(str, Enum):
    """One of these at a time; the values are in status documents and diagnostics."""

    IDLE = 'idle'  # the store has no release for this robot
    DOWNLOADING = 'downloading'
    VERIFYING = 'verifying'
    PREFLIGHT = 'preflight'  # with a reason: it decided nothing and is tried again
    READY = 'ready'  # a slot waits for the agent
    ACTING = 'acting'  # the newest release acts
    REFUSED = 'refused'  # the newest release may not act here
    UNREACHABLE = 'unreachable'  # the store, or the disk here, cannot be used at the moment

    def __str__(self) -> str:
        """The value: what logs and documents show."""
        return self.value


BUSY = (UpdaterState.DOWNLOADING, UpdaterState.VERIFYING, UpdaterState.PREFLIGHT)


@dataclass(frozen=True)
class Status:
    """Where the updater stands; replaced as a whole."""

    state: UpdaterState
    release: int = 0  # the one it is about
    bundle_sha: str = ''
    reason: str = ''

    @property
    def wrong(self) -> bool:
        """Whether somebody should look."""
        if self.state is UpdaterState.PREFLIGHT:
            return bool(self.reason)
        return self.state in (UpdaterState.REFUSED, UpdaterState.UNREACHABLE)
