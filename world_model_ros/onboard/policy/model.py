# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A loaded policy, its provenance, and who may move its belief: the tick's thread or another.

Owns the hand-over of one model between the two. Must not import ROS or torch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from world_model_ros.onboard.policy.brain import Brain, Decision
from world_model_ros.onboard.tick.history import History
from world_model_ros.onboard.tick.observation import Observation


class Mind(Protocol):
    """What acts: a Brain, or a Collector while there is no model."""

    budget_s: float
    failure: str

    def reset(self, key: int) -> None:
        """Begin an episode."""

    def rekey(self, key: int) -> None:
        """Draw another episode's numbers, keep the belief."""

    def drop_plan(self) -> None:
        """Forget the warm start."""

    def keep_within(self, low: np.ndarray, high: np.ndarray) -> None:
        """Give no action outside of these limits [A]."""

    def skip(self, action: np.ndarray) -> None:
        """Pass over a tick."""

    def burn_in(self, history: Iterable[tuple[Observation, np.ndarray, bool]]) -> None:
        """Form the belief from the ticks of a history."""

    def step(
        self,
        observation: Observation,
        action_sent: np.ndarray,
        pending: np.ndarray,
        is_first: bool,
        tick: int,
        deadline_s: float | None = None,
    ) -> Decision:
        """Observe and decide."""


@dataclass(eq=False)
class Model:
    """A loaded policy and its provenance."""

    mind: Mind
    digest: str = ''  # of the bundle; '' for the collector
    release: int = 0
    path: str = ''
    bundle: Any = None  # for whoever draws its beliefs
    held: int = 0  # ticks of the history that are in its belief
    acts: bool = False  # only the tick's thread may touch it
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """The bundle's name, '' for none."""
        return '' if self.bundle is None else str(self.bundle.name)

    @property
    def provider(self) -> str:
        """What its graphs run on, as in diagnostics; '' without a bundle."""
        return '' if self.bundle is None else self.bundle.provider.text

    @property
    def filter_hash(self) -> str:
        """What names how it makes beliefs; '' where that is not known."""
        return '' if self.bundle is None else str(self.bundle.filter_hash)

    @property
    def surprise(self) -> Mapping[str, Any] | None:
        """Which surprise is out of the ordinary, as its manifest says; None: it does not."""
        return None if self.bundle is None else self.bundle.manifest.get('surprise')

    def about(self) -> dict[str, Any] | None:
        """As in ~/release; None for the collector, which came from nowhere."""
        if not self.digest:
            return None
        return {'bundle_sha': self.digest, 'release': self.release, 'bundle': self.path}

    def follow(self, history: History) -> None:
        """Bring the belief up to the newest tick, one tick at a time, unless it acts by then."""
        for number, past in history.since(self.held):
            with self.lock:
                if self.acts:
                    return
                self.mind.burn_in((past,))
                self.held = number + 1

    def take(self, history: History) -> None:
        """The tick's thread takes it: nobody else moves its belief from now on."""
        with self.lock:
            self.mind.burn_in(past for _, past in history.since(self.held))
            self.held = history.count
            self.acts = True

    def go_on_from(self, other: Model) -> None:
        """Go on from the belief of the model before, where both make beliefs alike."""
        mine, theirs = self.mind, other.mind
        same = self.digest and self.digest == other.digest  # the very bundle, named or not
        alike = self.filter_hash and self.filter_hash == other.filter_hash
        if not (same or alike) or not isinstance(mine, Brain) or not isinstance(theirs, Brain):
            return
        if np.isfinite(theirs.belief).all():
            mine.go_on_from(theirs.belief)

    def leave(self, history: History) -> None:
        """The tick's thread lets it go; its belief holds every tick so far."""
        self.held = history.count
        self.acts = False
