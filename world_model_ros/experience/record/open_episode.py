# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One episode that is being written, and the counts of all that were.

Must not import ROS or torch.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from world_model_ros.experience.record.writer import EpisodeWriter

RECORDER_STOPPED = 'the recorder was asked to stop; the episode went on'


@dataclass
class Open:
    """One episode being written."""

    writer: EpisodeWriter
    ticks: int = 0
    total_reward: float = 0.0
    ended: bool = False  # its last tick was written
    close_at_s: float | None = None  # steady clock

    reason: str = 'another episode began before the last tick of this one'

    @property
    def open(self) -> bool:
        """Whether it still takes messages."""
        return self.writer.status == 'recording'

    def finish(self, *, unreadable_ticks: int = 0, stopped: bool = False) -> None:
        """Ask for the seal. Whole: its last tick was seen, or the recorder was asked to stop."""
        if self.ended:
            self.writer.close()
        elif self.ticks and stopped:
            self.writer.close('whole', RECORDER_STOPPED)
        elif self.ticks or unreadable_ticks:
            self.writer.close('incomplete', self.reason)
        else:
            self.writer.close('discarded', 'no tick happened in it')


@dataclass
class Totals:
    """What has been recorded so far, for diagnostics."""

    episodes: int = 0
    incomplete: int = 0
    messages: int = 0
    bytes: int = 0
    dropped: int = 0
    unreadable_ticks: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # role -> messages that cannot be used
    refusal: str = ''  # the newest of these, with its topic
    refused_s: float = -math.inf  # steady clock
    last_episode: str = ''
    last_return: float = float('nan')
    error: str = ''
