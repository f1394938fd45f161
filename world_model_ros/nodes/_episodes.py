# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The words that the agent's worker and its node share: episode, options, snapshot, port.

Types only. Holds no ROS entity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from world_model_ros.onboard.tick_record import TickRecord


@dataclass
class Episode:
    """One episode, or segment of a robot that cannot be reset."""

    uuid: str
    noise_key: int
    index: int
    acting: bool
    first_tick: int = 0


@dataclass(frozen=True)
class Options:
    """What the node's parameters say about episodes."""

    noise_seed: int = -1  # >= 0: acting episode i draws the numbers of this seed + i
    eval: bool = False
    explore: bool = False


@dataclass(frozen=True)
class Snapshot:
    """What a picture of the agent's mind is made of; nothing in it is ever written to again."""

    t_ns: int
    belief: np.ndarray
    chunk: np.ndarray


class Port(Protocol):
    """What the worker needs of the node."""

    def now_ns(self) -> int:
        """The robot's time."""

    def announce(self, episode: Episode) -> None:
        """Publish that an episode begins."""

    def reset_robot(self) -> int | None:
        """Reset the robot; the time after which messages count, None if it failed."""

    def send_chunk(self, start_ns: int, chunk: np.ndarray) -> bool:
        """Send a chunk to the guard if acting; whether it was sent."""

    def drop_chunk(self) -> None:
        """Make the guard take the safe action, if acting."""

    def publish_tick(self, record: TickRecord) -> None:
        """Publish a tick's record."""

    def warn(self, text: str) -> None:
        """Log, throttled."""
