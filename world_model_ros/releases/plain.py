# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Releases down: content-addressed files, a numbered record, and the pointer last.

Owns `releases/…` of the store. A publisher killed at any point leaves the pointer where it was or
at a whole release. A bundle is a folder with manifest.json here; what is in it is bundle's. One
publisher per interface is expected; of two, the slower one is refused with the reason: records are
created once, and the pointer moves only forward, by compare-and-swap.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from world_model_ros.store.folders import describe_files, fetch_folder
from world_model_ros.store.keys import (
    MANIFEST,
    RECORD_FORMAT,
    RecordError,
    files_of,
    from_json,
    is_sha256,
    latest_key,
    objects_prefix,
    record_key,
    record_number,
    releases_prefix,
    to_json,
)
from world_model_ros.store.object_store import Store, StoreError, StoreMissing
from world_model_ros.store.read_limits import RELEASE_BYTES

MAX_EPISODES = 200  # named in a record, the newest; episode_count counts them all
_FIELDS = {
    'published': str,
    'episodes': list,
    'episode_count': int,
    'updates': int,
    'gate': dict,
    'note': str,
}
POINTER_BYTES = 4096
MAX_NUMBER = 1 << 52  # exact also for readers that hold numbers as float64
MAX_NS = 1 << 63  # as ROS holds it
_PUBLISH_TRIES = 16  # numbers taken by another publisher meanwhile


class StoreConflict(StoreError):
    """Another publisher was faster; publish again, with what it published in mind."""


@dataclass(frozen=True)
class Release:
    """A numbered bundle in the store; a release record."""

    interface_hash: str
    number: int  # from 1 on
    bundle_sha: str  # sha256 of the bundle's manifest.json, which holds those of the other files
    files: Mapping[str, Mapping[str, Any]]  # name -> {'sha256', 'size'}
    published: str  # UTC, ISO 8601
    published_ns: int
    episodes: Sequence[str] = ()  # uuids, newest learned from, at most MAX_EPISODES
    episode_count: int = 0
    updates: int = 0
    gate: Mapping[str, Any] = field(default_factory=dict)
    note: str = ''

    def to_record(self) -> dict[str, Any]:
        """As the store holds it."""
        return {
            'format': RECORD_FORMAT,
            'number': self.number,
            'bundle_sha': self.bundle_sha,
            'files': {name: dict(entry) for name, entry in self.files.items()},
            'published': self.published,
            'published_ns': self.published_ns,
            'episodes': list(self.episodes),
            'episode_count': self.episode_count,
            'updates': self.updates,
            'gate': dict(self.gate),
            'note': self.note,
        }


def publish_release(
    store: Store,
    folder: Path | str,
    interface_hash: str,
    *,
    episodes: Sequence[str] = (),
    episode_count: int | None = None,
    updates: int = 0,
    gate: Mapping[str, Any] | None = None,
    note: str = '',
) -> Release:
    """Publish a bundle; call it again after any failure, it goes on where it was.

    Args:
        store: where to.
        folder: the bundle.
        interface_hash: of the bundle's robot.
        episodes: uuids of the newest episodes it learned from; the last MAX_EPISODES are kept.
        episode_count: how many there were in all.
        updates: of the learner.
        gate: the figures it passed, finite.
        note: free text.

    Returns:
        The release; the latest one, unchanged, if that already is this bundle.

    Raises:
        StoreConflict: another publisher's release is newer by now; the next call takes a number
            above it.
        StoreError: the store, or a file of the bundle, cannot be used.
        ValueError: `gate` holds NaN or what JSON cannot hold.
    """
    folder = Path(folder)
    try:
        files = describe_files(folder)
    except (RecordError, OSError) as error:
        raise store.error(str(folder), str(error)) from error
    if MANIFEST not in files:
        raise store.error(str(folder), f'no {MANIFEST}; this is not a bundle')
    bundle_sha = files[MANIFEST]['sha256']
    latest = latest_release(store, interface_hash)
    if latest is not None and latest.bundle_sha == bundle_sha:
        return latest
    prefix = objects_prefix(interface_hash, bundle_sha)
    for name in files:
        store.put_file(f'{prefix}/{name}', folder / name)
    number = latest.number if latest is not None else 0
    for _ in range(_PUBLISH_TRIES):
        number += 1
        now_ns = time.time_ns()
        release = Release(
            interface_hash=interface_hash,
            number=number,
            bundle_sha=bundle_sha,
            files=files,
            published=datetime.fromtimestamp(now_ns / 1e9, timezone.utc).isoformat(),
            published_ns=now_ns,
            episodes=list(episodes)[-MAX_EPISODES:],
            episode_count=len(episodes) if episode_count is None else episode_count,
            updates=updates,
            gate=dict(gate or {}),
            note=note,
        )
        key = record_key(interface_hash, number)
        if not store.put_new(key, to_json(release.to_record())):
            # A publisher died before its pointer, or another one is at work.
            there = read_release(store, interface_hash, number)
            if there.bundle_sha != bundle_sha:
                continue
            release = there
        _point(store, release)
        return release
    raise store.error(key, f'{_PUBLISH_TRIES} numbers were taken; is another trainer publishing?')


def _point(store: Store, release: Release) -> None:
    key = latest_key(release.interface_hash)
    content = to_json({'format': RECORD_FORMAT, 'number': release.number})
    for _ in range(_PUBLISH_TRIES):
        before, number = _pointer(store, key)
        if number > release.number:
            raise StoreConflict(
                store.url,
                key,
                f'release {number} of another trainer was published while release '
                f'{release.number} was; publish again: it gets a number above. Is a second '
                'trainer of this robot at work?',
            )
        if number == release.number or store.replace(key, content, before):
            return
    raise store.error(key, f'changed {_PUBLISH_TRIES} times; is another trainer publishing?')


def _pointer(store: Store, key: str) -> tuple[bytes | None, int]:
    """The pointer as it is, and its number; (None, 0) before the first release."""
    try:
        content = store.get(key, POINTER_BYTES)
    except StoreMissing:
        return None, 0
    try:
        return content, _positive(from_json(content), 'number')
    except RecordError as error:
        raise store.damaged(key, str(error)) from error


def latest_release(store: Store, interface_hash: str) -> Release | None:
    """What the pointer names; None before the first release.

    Raises:
        StoreError: unreachable, or pointer or record is missing or damaged.
    """
    number = _pointer(store, latest_key(interface_hash))[1]
    return read_release(store, interface_hash, number) if number else None


def read_release(store: Store, interface_hash: str, number: int) -> Release:
    """The record of one release.

    Raises:
        StoreError: unreachable, or the record is missing or damaged.
    """
    key = record_key(interface_hash, number)
    try:
        record = from_json(store.get(key))
        if record.get('number') != number:
            raise RecordError(f'number {record.get("number")!r}: expected {number}, damaged')
        if not is_sha256(record.get('bundle_sha')):
            raise RecordError(f'bundle_sha {record.get("bundle_sha")!r}: damaged')
        files = files_of(record)
        if files.get(MANIFEST, {}).get('sha256') != record['bundle_sha']:
            raise RecordError(f'bundle_sha is not the sha256 of {MANIFEST}, damaged')
        _positive(record, 'published_ns', MAX_NS)
        for name, kind in _FIELDS.items():
            if not isinstance(record.get(name), kind):
                raise RecordError(
                    f'{name} {record.get(name)!r}: expected {kind.__name__}, damaged'
                )
        if not all(isinstance(uuid, str) for uuid in record['episodes']):
            raise RecordError('episodes: expected uuids, damaged')
    except RecordError as error:
        raise store.damaged(key, str(error)) from error
    return Release(
        interface_hash=interface_hash,
        number=number,
        bundle_sha=record['bundle_sha'],
        files=files,
        published_ns=record['published_ns'],
        **{name: record[name] for name in _FIELDS},
    )


def releases(store: Store, interface_hash: str) -> list[Release]:
    """All releases up to the pointer, oldest first.

    Raises:
        StoreError: unreachable, or a record is damaged.
    """
    latest = latest_release(store, interface_hash)
    if latest is None:
        return []
    numbers = [record_number(entry.key) for entry in store.list(releases_prefix(interface_hash))]
    return [
        read_release(store, interface_hash, number)
        for number in numbers
        if number is not None and number <= latest.number
    ]


def fetch_release(store: Store, release: Release, target: Path | str) -> Path:
    """Download a release into `target`, which appears only when every file is verified.

    What an interrupted call left in `target` + '.part' is used again, as far as it is whole.

    Raises:
        StoreError: unreachable, or a file is missing or damaged: `key` names it.
    """
    prefix = objects_prefix(release.interface_hash, release.bundle_sha)
    return fetch_folder(store, prefix, release.files, Path(target), RELEASE_BYTES)


def _positive(record: Mapping[str, Any], key: str, limit: int = MAX_NUMBER) -> int:
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < limit:
        raise RecordError(f'{key} {repr(value)[:40]}: expected a whole number from 1 on, damaged')
    return value
