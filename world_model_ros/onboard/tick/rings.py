# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The last messages of a stream, and which of them show it at a time.

A stream's messages are whole, or (`PartRings`) each holds some of its names: then of each name the
newest message counts. Written in the executor's thread, read in the worker's. Must not import ROS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MAX_PARTS = 32  # kinds of messages of one stream, by the names that they hold


class Stored(NamedTuple):
    """A serialised message and its time."""

    stamp_ns: int
    cdr: bytes


class Ring:
    """The last whole messages. A slot is assigned at once, so a reader needs no lock."""

    def __init__(self, depth: int) -> None:
        self.slots: list[Stored | None] = [None] * depth
        self.next = 0

    def put(self, item: Stored) -> None:
        """Keep a message in place of the oldest."""
        self.slots[self.next] = item
        self.next = (self.next + 1) % len(self.slots)

    def newest(self, not_after_ns: int) -> tuple[Stored | None, bool]:
        """The newest by stamp that is not of the future, and whether a future one was there."""
        best: Stored | None = None
        future = False
        for item in self.slots:
            if item is None:
                continue
            if item.stamp_ns > not_after_ns:
                future = True
            elif best is None or item.stamp_ns > best.stamp_ns:
                best = item
        return best, future

    def pick(self, not_after_ns: int) -> tuple[tuple[Stored, ...], bool]:
        """The messages that show the stream, none if it is not there; `future` as of newest."""
        best, future = self.newest(not_after_ns)
        return (() if best is None else (best,)), future


class PartRings:
    """A ring for each set of names that a message has held; a fast part empties no slow one's."""

    def __init__(self, names: Sequence[str], depth: int) -> None:
        self._names, self._depth = tuple(names), depth
        # Replaced as a whole when it grows: a reader goes through it without a lock.
        self._rings: dict[tuple[str, ...], Ring] = {}

    def put(self, held: tuple[str, ...], item: Stored) -> None:
        """Keep a message that holds these names."""
        ring = self._rings.get(held)
        if ring is None:
            ring, kept = Ring(self._depth), dict(self._rings)
            if len(kept) >= MAX_PARTS:  # somebody sends ever other names: forget the oldest part
                del kept[min(kept, key=lambda names: _newest_ns(kept[names]))]
            self._rings = {**kept, held: ring}
        ring.put(item)

    def pick(self, not_after_ns: int) -> tuple[tuple[Stored, ...], bool]:
        """The messages of which each name has its newest value, newest first; none if one lacks.

        A reader that takes each name from the first of them that holds it gets the same values.
        """
        found: list[tuple[tuple[str, ...], Stored]] = []
        future = False
        for held, ring in self._rings.items():
            best, ahead = ring.newest(not_after_ns)
            future |= ahead
            if best is not None:
                found.append((held, best))
        found.sort(key=lambda item: item[1].stamp_ns, reverse=True)
        left, picked = set(self._names), []
        for held, item in found:
            if not left.isdisjoint(held):
                left.difference_update(held)
                picked.append(item)
        return (() if left else tuple(picked)), future

    def missing(self, not_after_ns: int) -> list[str]:
        """Names of which there is no message of the past."""
        there: set[str] = set()
        for held, ring in self._rings.items():
            if ring.newest(not_after_ns)[0] is not None:
                there.update(held)
        return [name for name in self._names if name not in there]


def _newest_ns(ring: Ring) -> int:
    best, _ = ring.newest(1 << 62)
    return -1 if best is None else best.stamp_ns
