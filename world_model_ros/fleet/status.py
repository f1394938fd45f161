# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where an updater stands, in words. Must not import ROS or torch."""

from __future__ import annotations

from dataclasses import dataclass

STATES = (
    'idle',  # the store has no release for this robot
    'downloading',
    'verifying',
    'preflight',  # with a reason: it decided nothing and is tried again
    'ready',  # a slot waits for the agent
    'acting',  # the newest release acts
    'refused',  # the newest release may not act here
    'unreachable',  # the store, or the disk here, cannot be used at the moment
)


@dataclass(frozen=True)
class Status:
    """Where the updater stands; replaced as a whole."""

    state: str  # one of STATES
    release: int = 0  # the one it is about
    bundle_sha: str = ''
    reason: str = ''

    @property
    def wrong(self) -> bool:
        """Whether somebody should look."""
        return self.state in ('refused', 'unreachable') or bool(
            self.state == 'preflight' and self.reason
        )
