# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders up and down: every file with its sha256, verified before anybody sees the folder.

Owns the transfer of an episode's or a bundle's files and the staging folder of a download.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from world_model_ros.store.errors import StoreDamaged
from world_model_ros.store.keys import check_name
from world_model_ros.store.object_store import Store, StoreError
from world_model_ros.store.read_limits import TooLarge, check_folder, check_room

STAGING_SUFFIX = '.part'
ASIDE_SUFFIX = '.aside-'  # and a number: a folder in the way that holds what is not ours
READ_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """The sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """A folder's files, sorted: name -> {'sha256', 'size'}.

    Raises:
        OSError: unreadable, empty, or something that is not a plain file lies in it.
        RecordError: a name that cannot be a key.
    """
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise OSError(f'{path}: not a plain file; only plain files can go into the store')
        check_name(path.name, 'file')
        files[path.name] = {'sha256': sha256_of(path), 'size': path.stat().st_size}
    if not files:
        raise OSError(f'{folder}: empty; nothing to put into the store')
    return files


def put_files(
    store: Store, prefix: str, folder: Path, files: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """Put a folder's files under a prefix; what is there stays, whatever it is.

    Returns:
        The key of an object that is there with other content; None: all are there now.

    Raises:
        StoreError: unreachable, or a file cannot be read.
    """
    for name, entry in files.items():
        key = f'{prefix}/{name}'
        size = store.size(key)
        if size is None:
            store.put_file(key, folder / name)
        elif size != entry['size'] or not _same(store, key, entry):
            return key
    return None


def _same(store: Store, key: str, entry: Mapping[str, Any]) -> bool:
    try:
        return store.digest(key, int(entry['size'])) == entry['sha256']
    except StoreDamaged:  # a link, or it grows
        return False


def fetch_folder(
    store: Store,
    prefix: str,
    files: Mapping[str, Mapping[str, Any]],
    target: Path,
    limit: int,
) -> Path:
    """Download files into a folder that appears only when every one is verified.

    What an earlier, interrupted call had fetched whole is not fetched again.

    Args:
        store: where from.
        prefix: of the objects' keys.
        files: name -> {'sha256', 'size'}, names checked.
        target: the folder; one that is there already is kept if it is whole, else replaced.
        limit: bytes that all files together may have. Of an object no more is fetched than the
            record says, and nothing where the disk has no room for the whole folder.

    Returns:
        target.

    Raises:
        StoreDamaged: an object is not what the record says, or the folder is over `limit`.
        StoreError: unreachable, an object is missing, or the disk here is full.
    """
    staging = target.with_name(f'{target.name}{STAGING_SUFFIX}')
    try:
        for folder in (target, staging):
            if folder.is_symlink():
                raise OSError(f'{folder} is a link; nothing is written or removed through it')
        if target.is_dir():
            if not folder_problems(target, files):
                return target
            _clear(target, files)
        check_folder(files, limit)
        staging.mkdir(parents=True, exist_ok=True)
        _only(staging, files)
        check_room(staging, sum(_lacking(staging / n, entry) for n, entry in files.items()))
        for name, entry in files.items():
            path = staging / name
            if path.is_file() and _problem(path, entry) is None:
                continue
            store.get_file(f'{prefix}/{name}', path, entry['size'])
            problem = _problem(path, entry)
            if problem is not None:
                path.unlink()
                raise store.damaged(f'{prefix}/{name}', f'damaged in the store: {problem}')
        _sync_folder(staging)
        os.replace(staging, target)
        _sync_folder(target.parent)
    except StoreError:
        raise
    except TooLarge as error:
        raise store.damaged(prefix, f'too large: {error}') from error
    except OSError as error:
        raise store.error(prefix, f'cannot be written to {target}: {error}') from error
    return target


def folder_problems(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What keeps a folder from being exactly these files; empty when it is."""
    if not folder.is_dir():
        return [f'{folder}: missing']
    problems = [f'{name}: not listed' for name in sorted(set(os.listdir(folder)) - set(files))]
    for name, entry in files.items():
        problem = _problem(folder / name, entry)
        if problem is not None:
            problems.append(f'{name}: {problem}')
    return problems


def _problem(path: Path, entry: Mapping[str, Any]) -> str | None:
    try:
        size = path.stat().st_size
        if size != entry['size']:
            return f'{size} bytes, the record says {entry["size"]}'
        digest = sha256_of(path)
    except OSError as error:
        return error.strerror or str(error)
    if digest != entry['sha256']:
        return f'sha256 {digest[:12]}…, the record says {entry["sha256"][:12]}…'
    return None


def _lacking(path: Path, entry: Mapping[str, Any]) -> int:
    """Bytes still to be fetched of a file."""
    there = path.stat().st_size if path.is_file() else 0
    return max(0, int(entry['size']) - there)


def _clear(target: Path, files: Mapping[str, Any]) -> None:
    """Make room: remove what is ours, one file at a time; what holds more is set aside."""
    entries = list(os.scandir(target))
    if all(entry.name in files and entry.is_file(follow_symlinks=False) for entry in entries):
        for entry in entries:
            os.unlink(entry.path)
        target.rmdir()
        return
    number = 1
    while os.path.lexists(aside := target.with_name(f'{target.name}{ASIDE_SUFFIX}{number}')):
        number += 1
    target.rename(aside)


def _only(staging: Path, files: Mapping[str, Any]) -> None:
    for path in staging.iterdir():
        if path.name not in files or path.is_symlink():
            with contextlib.suppress(IsADirectoryError):
                path.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
