# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the server needs of what it shows, a running robot or an episode. Protocols only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from world_model_ros.view.board import Board


class Hands(Protocol):
    """What a person may do to a running robot. All methods wait for the robot's answer."""

    names: Sequence[str]

    def do(self, name: str) -> tuple[bool, str]:
        """Do one of `names`; whether it was done, and words for the person."""

    def drive(self, directions: Sequence[float]) -> str:
        """Move joints, each from -1 to 1 of what the page allows; why not, or ''."""

    def let_go(self) -> None:
        """Drive no longer."""


class Source(Protocol):
    """What is shown."""

    board: Board | None  # of a running robot
    hands: Hands | None  # None: it can only be looked at

    def about(self) -> Mapping[str, Any]:
        """What a viewer gets when it comes."""

    def frame(self, number: int) -> bytes:
        """The message for a tick of an episode; only where there is no board."""
