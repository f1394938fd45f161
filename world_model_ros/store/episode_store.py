# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes up and down. What a reader finds is complete: complete.json is written last.

Owns the episodes of the store. An episode is a folder of plain files here; what is in them is
experience's. Nothing that is there is ever overwritten: what has the same content is taken as
sent, what has another keeps its place, and the episode gets a name of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from world_model_ros.store.errors import StoreDamaged
from world_model_ros.store.folders import describe_files, fetch_folder, put_files
from world_model_ros.store.keys import (
    COMPLETE,
    EPISODES,
    RECORD_FORMAT,
    ROBOTS,
    RecordError,
    check_name,
    files_of,
    from_json,
    to_json,
)
from world_model_ros.store.object_store import Store
from world_model_ros.store.read_limits import EPISODE_BYTES

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST_DAY_NS = 253_370_764_800_000_000_000  # of the year 9999
_DIGITS = 12  # of a content's sha256, behind a uuid that something else has taken


@dataclass(frozen=True)
class EpisodeRef:
    """An episode in the store."""

    key: str  # the prefix of its objects
    uuid: str
    robot_id: str
    date: str  # YYYY-MM-DD, UTC, of its start; in stores of version 0.1 of the seal
    interface_hash: str


class StoreConflict(StoreDamaged):
    """Something else lies where an episode belongs, and where it could go instead."""


def day_of(started_ns: int) -> str:
    """The UTC day of a recording's own start, YYYY-MM-DD; the first of all days if unknown."""
    seconds = min(max(0, started_ns), _LAST_DAY_NS) // 1_000_000_000
    return (_EPOCH + timedelta(seconds=seconds)).strftime('%Y-%m-%d')


def upload_episode(
    store: Store,
    folder: Path | str,
    robot_id: str,
    interface_hash: str,
    *,
    started_ns: int = 0,
    **info: Any,
) -> bool:
    """Put a sealed episode into the store; call it again after any failure.

    Args:
        store: where to.
        folder: a sealed episode; its name is the episode's uuid.
        robot_id: who recorded it.
        interface_hash: of the contract it was recorded under.
        started_ns: when the recording began, by its own clock; the same at every call.
        info: more for complete.json (`ticks`, …).

    Returns:
        False if it was complete there already, with the same content.

    Raises:
        StoreConflict: other content has taken its name, and the name that it would get then.
        StoreError: the store, an object, or a file of the episode cannot be used.
    """
    folder = Path(folder)
    layout = store.layout
    try:
        date = day_of(started_ns)
        prefix = layout.episode_prefix(interface_hash, robot_id, date, folder.name)
        files = describe_files(folder)
        # Names go on sorting together, and the same content has the same name at every call.
        other = f'{folder.name[: 200 - _DIGITS - 1]}.{_content(files)[:_DIGITS]}'
        instead = layout.episode_prefix(interface_hash, robot_id, date, other)
    except (ValueError, OSError) as error:
        raise store.error(str(folder), str(error)) from error
    record = {
        **info,
        'format': RECORD_FORMAT,
        'uuid': folder.name,
        'robot_id': robot_id,
        'interface_hash': interface_hash,
        'files': files,
    }
    if layout.format == 1 and _is_there(store, _before(prefix, date, folder), files):
        return False
    try:
        return _put(store, prefix, folder, record)
    except StoreConflict:
        return _put(store, instead, folder, record)


def _put(store: Store, prefix: str, folder: Path, record: Mapping[str, Any]) -> bool:
    files = record['files']
    key = f'{prefix}/{COMPLETE}'
    if store.exists(key):
        _same(store, prefix, files)
        return False
    taken = put_files(store, prefix, folder, files)
    if taken is not None:
        raise StoreConflict(store.url, taken, 'there is other content under this key')
    if not store.put_new(key, to_json(record)):
        _same(store, prefix, files)  # another process was faster
        return False
    return True


def _same(store: Store, prefix: str, files: Mapping[str, Any]) -> None:
    if not _is_there(store, prefix, files):
        raise StoreConflict(
            store.url, f'{prefix}/{COMPLETE}', 'it is complete there with other content'
        )


def _is_there(store: Store, prefix: str, files: Mapping[str, Any]) -> bool:
    """Whether an episode is complete under a prefix with just these files, sizes included."""
    key = f'{prefix}/{COMPLETE}'
    if not store.exists(key):
        return False
    try:
        stored = files_of(from_json(store.get(key)))
    except (RecordError, StoreDamaged):
        return False
    same = stored == files
    return same and all(
        store.size(f'{prefix}/{name}') == each['size'] for name, each in files.items()
    )


def _before(prefix: str, date: str, folder: Path) -> str:
    """Where version 0.1 put it: under the day of the files, which may have been another."""
    try:
        sealed_s = max(path.stat().st_mtime for path in folder.iterdir())
        day = day_of(int(sealed_s * 1e9))
    except (OSError, ValueError, OverflowError):
        return prefix
    return prefix.replace(f'/{date}/', f'/{day}/')


def _content(files: Mapping[str, Mapping[str, Any]]) -> str:
    """What names a folder by its content."""
    lines = (f'{name} {entry["sha256"]}\n' for name, entry in sorted(files.items()))
    return hashlib.sha256(''.join(lines).encode()).hexdigest()


def complete_episodes(store: Store, interface_hash: str | None = None) -> list[EpisodeRef]:
    """All complete episodes of an interface, or of all, sorted by key.

    Raises:
        StoreError: the store cannot be read.
    """
    return list_episodes(store, interface_hash)[0]


def list_episodes(
    store: Store, interface_hash: str | None = None, since: Mapping[str, str] | None = None
) -> tuple[list[EpisodeRef], list[EpisodeRef]]:
    """Complete episodes, and those of which only files are there yet; both sorted by key.

    What lies under a name that can be no part of a key is no episode and is left out.

    Args:
        store: where from.
        interface_hash: of one interface only.
        since: robot -> YYYY-MM-DD; of this robot only episodes of this day on, of which alone the
            objects are listed. A robot that was away for weeks brings older ones: look at all of
            them now and then.

    Raises:
        StoreError: the store cannot be read.
    """
    layout, days = store.layout, since or {}
    found: dict[str, bool] = {}
    for prefix in _prefixes(store, interface_hash):
        robot_id = prefix.split('/')[2 if layout.format == 1 else 1]
        for entry in _entries(store, prefix, days.get(robot_id, '')):
            parts = layout.episode_key(entry.key)
            if parts is None or interface_hash not in (None, parts.interface_hash):
                continue
            key = entry.key.rpartition('/')[0]
            found[key] = found.get(key, False) or parts.file == COMPLETE
    refs: tuple[list[EpisodeRef], list[EpisodeRef]] = ([], [])
    for key, complete in sorted(found.items()):
        each = layout.episode_key(f'{key}/{COMPLETE}')
        if each is not None and each.date >= days.get(each.robot_id, ''):
            ref = EpisodeRef(key, each.uuid, each.robot_id, each.date, each.interface_hash)
            refs[not complete].append(ref)
    return refs


def _prefixes(store: Store, interface_hash: str | None) -> list[str]:
    """Prefixes below which days lie: INTERFACE/ROBOT (format 1), or ROBOT/…/INTERFACE."""
    layout = store.layout
    found: list[str] = []
    if layout.format == 1:
        interfaces = store.folders(EPISODES) if interface_hash is None else [interface_hash]
        for interface in interfaces:
            above = f'{EPISODES}/{check_name(interface, "interface_hash")}'
            found += [f'{above}/{robot}' for robot in store.folders(above)]
        return found
    for robot in store.folders(ROBOTS):
        above = f'{ROBOTS}/{robot}/{EPISODES}'
        found += [f'{above}/{each}' for each in store.folders(above)]
    return found


def _entries(store: Store, prefix: str, since: str) -> list[Any]:
    if not since:
        return store.list(prefix)
    days = [day for day in store.folders(prefix) if day >= since]
    return [entry for day in days for entry in store.list(f'{prefix}/{day}')]


def episode_record(store: Store, ref: EpisodeRef) -> dict[str, Any]:
    """An episode's complete.json, its `files` checked.

    Raises:
        StoreError: unreachable, or the record is damaged.
    """
    key = f'{ref.key}/{COMPLETE}'
    try:
        record = from_json(store.get(key))
        files_of(record)
    except RecordError as error:
        raise store.damaged(key, str(error)) from error
    return record


def download_episode(store: Store, ref: EpisodeRef, folder: Path | str) -> Path:
    """Fetch an episode into `folder`/UUID, which appears only when every file is verified.

    Raises:
        StoreDamaged: a file is not what complete.json says: `key` names it.
        StoreError: unreachable, or a file is missing.
    """
    files = files_of(episode_record(store, ref))
    target = Path(folder) / check_name(ref.uuid, 'episode')
    return fetch_folder(store, ref.key, files, target, EPISODE_BYTES)
