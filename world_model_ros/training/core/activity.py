# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a trainer does at the moment: a phase for programs, a text for people.

Both are in its status document (`phase`, `doing`); programs compare the phase. Must not import ROS
or torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TrainerPhase(Enum):
    """One of these at a time."""

    STARTING = 'starting'
    WAITING = 'waiting'  # for episodes
    INGESTING = 'ingesting'
    ALIGNING = 'aligning'  # weights from elsewhere, to this robot's camera and motors
    LEARNING = 'learning'
    COLLECTING = 'collecting'  # nominal simulator data
    JUDGING = 'judging'
    EXPORTING = 'exporting'
    PUBLISHING = 'publishing'
    LEFT = 'left'  # asked to end, and saved


@dataclass(frozen=True)
class Activity:
    """A phase, and its text where the phase's own word does not say enough."""

    phase: TrainerPhase
    detail: str = ''

    @property
    def text(self) -> str:
        """For people."""
        return self.detail or self.phase.value
