# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where everything lies in the store, and the JSON records between the files.

Owns key names of store format 1 and the checks on what comes back: a record is external data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from world_model_ros.contract import names

STORE_FORMAT = 1
FORMAT_KEY = 'format'
EPISODES = 'episodes'
RELEASES = 'releases'
STATUS = 'status'
COMPLETE = 'complete.json'  # an episode's last object
LATEST = 'latest.json'  # a release's last object: the pointer
MANIFEST = 'manifest.json'  # its sha256 names a bundle
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')
_RECORD = re.compile(r'(\d{8,})\.json\Z')


class RecordError(ValueError):
    """A key or a record is not what format 1 allows; the text says what and what to do."""


def check_name(name: str, what: str) -> str:
    """One part of a key, usable as a file name everywhere; returns it.

    Raises:
        RecordError: it is not.
    """
    try:
        return names.check_name(name, what)
    except names.NameRefused as error:
        raise RecordError(str(error)) from None


def episode_prefix(interface_hash: str, robot_id: str, date: str, uuid: str) -> str:
    """The prefix of one episode's objects; `date` is YYYY-MM-DD."""
    return '/'.join(
        (
            EPISODES,
            check_name(interface_hash, 'interface_hash'),
            check_name(robot_id, 'robot_id'),
            check_name(date, 'date'),
            check_name(uuid, 'episode'),
        )
    )


def episodes_prefix(interface_hash: str | None) -> str:
    """The prefix of all episodes of an interface, or of all interfaces."""
    if interface_hash is None:
        return EPISODES
    return f'{EPISODES}/{check_name(interface_hash, "interface_hash")}'


def releases_prefix(interface_hash: str) -> str:
    """The prefix of an interface's releases."""
    return f'{RELEASES}/{check_name(interface_hash, "interface_hash")}'


def objects_prefix(interface_hash: str, bundle_sha: str) -> str:
    """The prefix of one bundle's files."""
    if not is_sha256(bundle_sha):
        raise RecordError(f'bundle_sha {bundle_sha!r}: expected 64 hexadecimal digits')
    return f'{releases_prefix(interface_hash)}/objects/{bundle_sha}'


def record_key(interface_hash: str, number: int) -> str:
    """The key of release `number`'s record."""
    return f'{releases_prefix(interface_hash)}/{number:08d}.json'


def latest_key(interface_hash: str) -> str:
    """The key of the pointer to the newest release."""
    return f'{releases_prefix(interface_hash)}/{LATEST}'


def status_key(robot_id: str, name: str) -> str:
    """The key of one small status document of a robot, `name` without .json."""
    return f'{STATUS}/{check_name(robot_id, "robot_id")}/{check_name(name, "status")}.json'


def trainer_key(interface_hash: str) -> str:
    """The key of how the trainer of one interface stands."""
    return f'{STATUS}/trainer/{check_name(interface_hash, "interface_hash")}/trainer.json'


def strip_key(interface_hash: str, number: int) -> str:
    """The key of the picture of what the model of release `number` imagined."""
    return f'{STATUS}/trainer/{check_name(interface_hash, "interface_hash")}/strip_{number}.png'


def record_number(key: str) -> int | None:
    """The number of the release whose record this key is, None for other keys."""
    match = _RECORD.match(PurePosixPath(key).name)
    return int(match.group(1)) if match else None


def is_sha256(text: object) -> bool:
    """Whether this is a sha256 as we write it."""
    return isinstance(text, str) and _SHA256.match(text) is not None


def to_json(record: Mapping[str, Any]) -> bytes:
    """A record as it is stored.

    Raises:
        ValueError: it holds NaN or infinity, which no other reader of JSON takes.
    """
    return json.dumps(record, allow_nan=False, indent=1, sort_keys=True).encode() + b'\n'


def from_json(content: bytes) -> dict[str, Any]:
    """A record of format 1.

    Raises:
        RecordError: damaged, or of another format.
    """
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordError(f'not JSON ({error}): damaged, or not written by this package') from None
    number = record.get('format') if isinstance(record, dict) else None
    if number != STORE_FORMAT or isinstance(number, bool):
        raise RecordError(
            f'format {number!r}: this version reads format {STORE_FORMAT} only; update '
            'world_model_ros, or name the store that belongs to this version'
        )
    return record


def files_of(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The `files` table of a record: plain name -> {'sha256', 'size'}, checked.

    Raises:
        RecordError: a name that would leave its folder, or a wrong type.
    """
    files = record.get('files')
    if not isinstance(files, dict) or not files:
        raise RecordError('files: expected a table of file names, damaged')
    for name, entry in files.items():
        check_name(name, 'file')
        size = entry.get('size') if isinstance(entry, dict) else None
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise RecordError(f'files: {name}: size {size!r}: expected a number of bytes')
        if not is_sha256(entry.get('sha256')):
            raise RecordError(f'files: {name}: sha256 {entry.get("sha256")!r}: damaged')
    return files
