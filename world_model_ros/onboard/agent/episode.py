# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The words that the agent's worker and its node share: episode, options, snapshot, port.

Types only. Holds no ROS entity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from world_model_ros.bundle import Bundle
from world_model_ros.onboard.tick.tick_record import TickRecord

MOST_DELAY_SEC = 1.0  # taken into account beside command_offset


@dataclass
class Episode:
    """One episode, or segment of a robot that cannot be reset."""

    uuid: str
    noise_key: int
    index: int
    acting: bool
    first_tick: int = 0
    eval: bool = False  # an evaluation episode: without exploration, and figures come from it
    explore: bool = False  # noise on top of the plan
    release: int = 0  # of the model that acts
    bundle_name: str = ''  # '' for none: the collector acts
    digest: str = ''
    extra_delay_s: float = 0.0  # between command and effect, beside command_offset
    task: dict[str, float] = field(default_factory=dict)  # by name, float32 numbers


@dataclass(frozen=True)
class Options:
    """What the node's parameters say about episodes; the fields have their names."""

    noise_seed: int = -1  # >= 0: acting episode i draws the numbers of this seed + i
    eval: bool = False  # every episode is one of an evaluation
    explore: bool = False
    evaluate_every: int = 0  # n: while exploring, every n-th acting episode is an evaluation
    explore_std: float = 0.2  # noise on top of the plan at most, a share of half the range
    explore_correlation: float = 0.3  # s
    explore_ticks: int = 0  # an exploring episode ends after so many; 0: as the contract says
    explore_reach: float = 0.1  # rad or m; positions
    explore_speed: float = 0.1  # share of the rate limit; positions
    extra_delay: float = 0.0  # s between command and effect; -1: as measured

    def __post_init__(self) -> None:
        """Check what a parameter file may hold."""
        if self.evaluate_every < 0:
            raise ValueError(f'evaluate_every is {self.evaluate_every}: expected 0 (never) or n')
        if self.explore_ticks < 0:
            raise ValueError(f'explore_ticks is {self.explore_ticks}: expected 0 (whole) or n')
        if not 0.0 <= self.explore_std <= 1.0:
            raise ValueError(
                f'explore_std is {self.explore_std}: expected 0 to 1, a share of half the range'
            )
        if self.extra_delay != -1.0 and not 0.0 <= self.extra_delay <= MOST_DELAY_SEC:
            raise ValueError(
                f'extra_delay is {self.extra_delay}: expected -1 (as measured) or 0 to '
                f'{MOST_DELAY_SEC:g} s'
            )

    def evaluates(self, count: int) -> bool:
        """Whether the acting episode number `count`, from 1, shows what was learned."""
        return self.explore and self.evaluate_every > 0 and count % self.evaluate_every == 0


@dataclass(frozen=True)
class Snapshot:
    """What a picture of the agent's mind is made of; nothing in it is ever written to again."""

    t_ns: int
    belief: np.ndarray
    chunk: np.ndarray
    bundle: Bundle | None  # whose belief it is


class Port(Protocol):
    """What the worker needs of the node."""

    def now_ns(self) -> int:
        """The robot's time."""

    def announce(self, episode: Episode) -> None:
        """Publish that an episode begins, or that another model acts in it."""

    def reset_robot(self) -> int | None:
        """Reset the robot; the time after which messages count, None if it failed."""

    def send_chunk(self, start_ns: int, chunk: np.ndarray) -> bool:
        """Send a chunk to the guard if acting; whether it was sent."""

    def drop_chunk(self) -> None:
        """Make the guard take the safe action, if acting."""

    def publish_tick(self, record: TickRecord) -> None:
        """Publish a tick's record."""

    def guard_problem(self) -> str:
        """Why no command reaches the robot now, '' while the guard lives."""

    def warn(self, text: str) -> None:
        """Log, throttled."""
