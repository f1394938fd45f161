# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a store may lose: old episodes, and the files of bundles that nobody needs any more.

Owns the rule for what is garbage. Only what has our name pattern and is old enough is; where a
record cannot be read, nothing that it might name is. Plans first; `collect` deletes what was
planned, an episode's complete.json before its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from world_model_ros.releases.plain import latest_release, read_release
from world_model_ros.store.errors import StoreError
from world_model_ros.store.keys import (
    COMPLETE,
    EPISODES,
    RELEASES,
    ROBOTS,
    STATUS,
    is_sha256,
    record_number,
    releases_prefix,
)
from world_model_ros.store.object_store import Store

KEEP_DAYS = 90  # a robot may have been away for so long
KEEP_RELEASES = 10  # of each interface, the newest: robots may go back to them
_DAY = re.compile(r'\d{4}-\d\d-\d\d\Z')


@dataclass
class Garbage:
    """What may go, by what it is; nothing is deleted yet."""

    episodes: dict[str, list[str]] = field(default_factory=dict)  # prefix -> keys
    bundles: dict[str, list[str]] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)  # why something was not looked at
    bytes: int = 0

    def in_order(self) -> list[str]:
        """All keys, in the order in which they are to be deleted."""
        found = []
        for keys in (*self.episodes.values(), *self.bundles.values()):
            found += sorted(keys, key=lambda key: (not key.endswith(f'/{COMPLETE}'), key))
        return found


def find_garbage(
    store: Store, keep_days: float = KEEP_DAYS, now: datetime | None = None
) -> Garbage:
    """What may be deleted.

    Args:
        store: where.
        keep_days: nothing that was changed within so many days is garbage.
        now: the time, for tests.

    Raises:
        StoreError: the store cannot be listed.
    """
    before = (now or datetime.now(timezone.utc)) - timedelta(days=keep_days)
    garbage = Garbage()
    _episodes(store, before, garbage)
    _bundles(store, before, garbage)
    return garbage


def collect(store: Store, garbage: Garbage) -> list[str]:
    """Delete what was planned; returns the keys that are gone.

    Raises:
        StoreError: an object cannot be deleted; those before it are gone.
    """
    gone = []
    for key in garbage.in_order():
        store.delete(key)
        gone.append(key)
    return gone


def _episodes(store: Store, before: datetime, garbage: Garbage) -> None:
    layout = store.layout
    limit = before.strftime('%Y-%m-%d')
    found: dict[str, dict[str, tuple[int, datetime]]] = {}
    for key, about in store.ages(EPISODES if layout.format == 1 else ROBOTS).items():
        parts = layout.episode_key(key)
        if parts is not None and _DAY.match(parts.date) and parts.date < limit:
            found.setdefault(key.rpartition('/')[0], {})[key] = about
    for prefix, objects in found.items():
        # A date is the robot's word, and its clock may be wrong; the store's own is asked, too.
        if all(changed < before for _, changed in objects.values()):
            garbage.episodes[prefix] = sorted(objects)
            garbage.bytes += sum(size for size, _ in objects.values())


def _bundles(store: Store, before: datetime, garbage: Garbage) -> None:
    try:
        named = _named_by_robots(store)
    except StoreError as error:
        garbage.kept.append(f'all bundles: a status cannot be read: {error}')
        return
    for interface in store.folders(RELEASES):
        try:
            needed = _newest(store, interface) | named
        except (StoreError, ValueError) as error:
            garbage.kept.append(f'{RELEASES}/{interface}: a record cannot be read: {error}')
            continue
        found: dict[str, dict[str, tuple[int, datetime]]] = {}
        above = f'{releases_prefix(interface)}/objects'
        for key, about in store.ages(above).items():
            sha, _, name = key.removeprefix(f'{above}/').partition('/')
            if is_sha256(sha) and name and '/' not in name:
                found.setdefault(f'{above}/{sha}', {})[key] = about
        for prefix, objects in found.items():
            old = all(changed < before for _, changed in objects.values())
            if prefix.rpartition('/')[2] not in needed and old:
                garbage.bundles[prefix] = sorted(objects)
                garbage.bytes += sum(size for size, _ in objects.values())


def _newest(store: Store, interface: str) -> set[str]:
    """Bundles of the newest releases; all records are read, so that none is overlooked."""
    latest = latest_release(store, interface)
    numbers = sorted(
        number
        for entry in store.list(releases_prefix(interface))
        if (number := record_number(entry.key)) is not None and entry.key.count('/') == 2
    )
    found = [read_release(store, interface, number) for number in numbers]
    # Beyond the pointer: a publisher is at work, or died.
    ahead = {each.bundle_sha for each in found if latest is None or each.number > latest.number}
    return {each.bundle_sha for each in found[-KEEP_RELEASES:]} | ahead


def _named_by_robots(store: Store) -> set[str]:
    """Every sha256 in a robot's status: what acts, acted, or is on its way there."""
    layout = store.layout
    if layout.format == 1:
        keys: Iterable[str] = [entry.key for entry in store.list(STATUS)]
    else:
        keys = [
            entry.key
            for robot in store.folders(ROBOTS)
            for entry in store.list(f'{ROBOTS}/{robot}/{STATUS}')
        ]
    found: set[str] = set()
    for key in keys:
        if key.endswith('.json'):
            found |= set(re.findall(r'[0-9a-f]{64}', store.get(key).decode(errors='replace')))
    return found
