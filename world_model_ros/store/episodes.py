# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes up and down. What a reader finds is complete: complete.json is written last.

Owns `episodes/…` of the store. An episode is a folder of plain files here; what is in them is
experience's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from world_model_ros.store.files import describe_files, fetch_folder
from world_model_ros.store.layout import (
    COMPLETE,
    STORE_FORMAT,
    RecordError,
    check_name,
    episode_prefix,
    episodes_prefix,
    files_of,
    from_json,
    to_json,
)
from world_model_ros.store.limits import EPISODE_BYTES
from world_model_ros.store.store import Store

_PARTS = 6  # episodes / interface / robot / date / uuid / file


@dataclass(frozen=True)
class EpisodeRef:
    """An episode in the store."""

    key: str  # the prefix of its objects
    uuid: str
    robot_id: str
    date: str  # YYYY-MM-DD, UTC, of the seal
    interface_hash: str


def upload_episode(
    store: Store, folder: Path | str, robot_id: str, interface_hash: str, **info: Any
) -> bool:
    """Put a sealed episode into the store; call it again after any failure.

    Args:
        store: where to.
        folder: a sealed episode; its name is the episode's uuid.
        robot_id: who recorded it.
        interface_hash: of the contract it was recorded under.
        info: more for complete.json (`ticks`, …).

    Returns:
        False if it was complete there already.

    Raises:
        StoreError: the store, an object, or a file of the episode cannot be used.
    """
    folder = Path(folder)
    try:
        # A sealed episode never changes, so neither does its day: the same key every time.
        sealed_s = max(path.stat().st_mtime for path in folder.iterdir())
        date = datetime.fromtimestamp(sealed_s, timezone.utc).strftime('%Y-%m-%d')
        prefix = episode_prefix(interface_hash, robot_id, date, folder.name)
    except (ValueError, OSError) as error:
        raise store.error(str(folder), str(error)) from error
    if store.exists(f'{prefix}/{COMPLETE}'):
        return False
    try:
        files = describe_files(folder)
    except (ValueError, OSError) as error:
        raise store.error(str(folder), str(error)) from error
    for name in files:
        store.put_file(f'{prefix}/{name}', folder / name)
    record = {
        **info,
        'format': STORE_FORMAT,
        'uuid': folder.name,
        'robot_id': robot_id,
        'interface_hash': interface_hash,
        'files': files,
    }
    store.put(f'{prefix}/{COMPLETE}', to_json(record))
    return True


def complete_episodes(store: Store, interface_hash: str | None = None) -> list[EpisodeRef]:
    """All complete episodes of an interface, or of all, sorted by key.

    Raises:
        StoreError: the store cannot be read.
    """
    return list_episodes(store, interface_hash)[0]


def list_episodes(
    store: Store, interface_hash: str | None = None
) -> tuple[list[EpisodeRef], list[EpisodeRef]]:
    """Complete episodes, and those of which only files are there yet; both sorted by key.

    What lies under a name that can be no part of a key is no episode and is left out.

    Raises:
        StoreError: the store cannot be read.
    """
    found: dict[str, bool] = {}
    for entry in store.list(episodes_prefix(interface_hash)):
        key, _, name = entry.key.rpartition('/')
        if entry.key.count('/') == _PARTS - 1:
            found[key] = found.get(key, False) or name == COMPLETE
    refs: tuple[list[EpisodeRef], list[EpisodeRef]] = ([], [])
    for key, complete in sorted(found.items()):
        _, interface, robot_id, date, uuid = key.split('/')
        try:
            episode_prefix(interface, robot_id, date, uuid)
        except RecordError:
            continue
        refs[not complete].append(EpisodeRef(key, uuid, robot_id, date, interface))
    return refs


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
