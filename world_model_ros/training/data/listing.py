# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What episodes a store holds, without listing all of its objects at each poll.

Of every robot the newest days are listed, all days now and then; what was seen on the others is
remembered. Must not import torch, ROS or a simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from world_model_ros.store import EpisodeRef, Store
from world_model_ros.store.episode_store import list_episodes

FULL_SEC = 600.0  # between two looks at all days: a robot that was away brings older ones
Refs = list[EpisodeRef]


class Listing:
    """The episodes of one store, complete ones and those that are begun.

    A robot is listed from the day before its own newest one on: whatever date one robot tells,
    the others are seen at once.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._full_at = -float('inf')
        self._complete: Refs = []
        self._begun: Refs = []

    def look(self, store: Store) -> tuple[Refs, Refs]:
        """Return complete and begun episodes.

        Raises:
            StoreError: the store cannot be read.
        """
        now = self._clock()
        since = {} if now >= self._full_at else self._since()
        complete, begun = list_episodes(store, since=since)

        def unseen(ref: EpisodeRef) -> bool:
            return ref.date < since.get(ref.robot_id, '')

        self._complete = [ref for ref in self._complete if unseen(ref)] + complete
        self._begun = [ref for ref in self._begun if unseen(ref)] + begun
        if not since:
            self._full_at = now + FULL_SEC
        return list(self._complete), list(self._begun)

    def _since(self) -> dict[str, str]:
        newest: dict[str, str] = {}
        for ref in (*self._complete, *self._begun):
            newest[ref.robot_id] = max(newest.get(ref.robot_id, ''), ref.date)
        return {robot: _day_before(day) for robot, day in newest.items()}


def _day_before(day: str) -> str:
    """The day before, '' (all of them) of what is no day."""
    try:
        return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return ''
