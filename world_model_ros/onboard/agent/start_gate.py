# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the next episode begins by itself, or a person must start it.

Written by the executor's thread (services) and by the worker (episodes begin and end). Holds no
ROS entity.
"""

from __future__ import annotations

import threading
from enum import Enum


class Gate(Enum):
    """What the next episode waits for."""

    OPEN = 'open'  # nothing
    ASKED = 'asked'  # nothing: a person has asked for it, and it has not begun yet
    ACTING_CLOSED = 'acting_closed'  # a person resets this robot: shadow begins, acting waits
    CLOSED = 'closed'  # a person has ended the episode


class StartGate:
    """One gate, and what moves it."""

    def __init__(self, reset_by_hand: bool) -> None:
        """Say whether a person resets the robot: then each acting episode must be asked for."""
        self._reset_by_hand = reset_by_hand
        self._mutex = threading.Lock()  # held for one assignment: no request may be overwritten
        self.gate = Gate.ACTING_CLOSED if reset_by_hand else Gate.OPEN

    def holds(self, acting: bool) -> bool:
        """Whether a person must start the next episode; thinking in shadow moves nothing."""
        gate = self.gate
        return gate is Gate.CLOSED or (gate is Gate.ACTING_CLOSED and acting)

    def ask(self) -> None:
        """A person starts the next episode."""
        with self._mutex:
            self.gate = Gate.ASKED

    def close(self) -> None:
        """A person ends the episode: no other one begins by itself."""
        with self._mutex:
            self.gate = Gate.CLOSED

    def begun(self) -> None:
        """An episode has begun: what was asked for is done."""
        with self._mutex:
            if self.gate is Gate.ASKED:
                self.gate = Gate.OPEN

    def ended(self) -> None:
        """An episode has ended."""
        with self._mutex:
            if self._reset_by_hand and self.gate is Gate.OPEN:
                self.gate = Gate.ACTING_CLOSED
