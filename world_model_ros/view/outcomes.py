# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How episodes went, as a person said at once: written when the recorder has sealed them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal, cast

from world_model_ros.experience.bag import EpisodeError
from world_model_ros.experience.read.labels import Label, write_label

MOST_WAITING = 64


class Outcomes:
    """Success and failure by episode, until the recording is there."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}
        self._lock = threading.Lock()
        self.problem = ''  # why the last one could not be written

    def note(self, uuid: str, outcome: str) -> None:
        """A person says how an episode went; the last word counts."""
        with self._lock:
            self._waiting[uuid] = outcome
            while len(self._waiting) > MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]

    def sealed(self, folder: str) -> str:
        """The recorder has sealed an episode: label it; what was written, or ''."""
        path = Path(folder)
        with self._lock:
            uuid = next((u for u in self._waiting if path.name.startswith(u)), '')
            outcome = self._waiting.pop(uuid, '')
        if not outcome:
            return ''
        try:
            write_label(path, Label(uuid, cast(Literal['success', 'failure'], outcome)))
        except (EpisodeError, OSError) as error:
            self.problem = (
                f'the {outcome} of episode {uuid[:8]} could not be written here: {error}: write '
                f'it where the recorder runs: world-model episodes label EPISODE --{outcome}'
            )
            return ''
        self.problem = ''
        return f'episode {uuid[:8]} is labelled as a {outcome}'
