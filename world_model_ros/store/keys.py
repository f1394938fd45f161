# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where everything lies in the store, and the JSON records between the files.

Owns key names of store formats 1 and 2, and the checks on what comes back: it is external data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from world_model_ros.contract import names
from world_model_ros.strict_json import strict_json

RECORD_FORMAT = 1  # of every JSON record, in stores of both formats
STORE_FORMATS = (1, 2)  # of the layout; a store keeps the one that it was made with
NEWEST_FORMAT = 2
FORMAT_KEY = 'format'
EPISODES = 'episodes'
RELEASES = 'releases'
STATUS = 'status'
ROBOTS = 'robots'
TRAINER = 'trainer'
COMPLETE = 'complete.json'  # an episode's last object
LATEST = 'latest.json'  # a release's last object: the pointer
MANIFEST = 'manifest.json'  # its sha256 names a bundle
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')
_RECORD = re.compile(r'(\d{8,})\.json\Z')


class RecordError(ValueError):
    """A key or a record is not what the format allows; the text says what and what to do."""


def check_name(name: str, what: str) -> str:
    """One part of a key, usable as a file name everywhere; returns it.

    Raises:
        RecordError: it is not.
    """
    try:
        return names.check_name(name, what)
    except names.NameRefused as error:
        raise RecordError(str(error)) from None


class EpisodeKey(NamedTuple):
    """What the key of an object of an episode says."""

    interface_hash: str
    robot_id: str
    date: str
    uuid: str
    file: str


@dataclass(frozen=True)
class Layout:
    """Keys of what robots and trainers write, by the store's format. Releases lie alike in both.

    Format 2 names the robot before everything that varies: what one robot may write is one prefix.
    """

    format: int

    def episode_prefix(self, interface_hash: str, robot_id: str, date: str, uuid: str) -> str:
        """The prefix of one episode's objects; `date` is YYYY-MM-DD."""
        interface = check_name(interface_hash, 'interface_hash')
        robot = check_name(robot_id, 'robot_id')
        rest = f'{check_name(date, "date")}/{check_name(uuid, "episode")}'
        if self.format == 1:
            return f'{EPISODES}/{interface}/{robot}/{rest}'
        return f'{ROBOTS}/{robot}/{EPISODES}/{interface}/{rest}'

    def episode_key(self, key: str) -> EpisodeKey | None:
        """A key taken apart; None for one that is no object of an episode."""
        parts = key.split('/')
        if self.format == 1:
            if len(parts) != 6 or parts[0] != EPISODES:
                return None
            _, interface, robot, *rest = parts
        else:
            if len(parts) != 7 or (parts[0], parts[2]) != (ROBOTS, EPISODES):
                return None
            _, robot, _, interface, *rest = parts
        try:
            for name in (interface, robot, *rest):
                check_name(name, 'key')
        except RecordError:
            return None
        return EpisodeKey(interface, robot, *rest)

    def status_key(self, robot_id: str, name: str) -> str:
        """The key of one small status document of a robot, `name` without .json."""
        robot, document = check_name(robot_id, 'robot_id'), check_name(name, 'status')
        if self.format == 1:
            return f'{STATUS}/{robot}/{document}.json'
        return f'{ROBOTS}/{robot}/{STATUS}/{document}.json'

    def trainer_key(self, interface_hash: str) -> str:
        """The key of how the trainer of one interface stands."""
        return f'{self._trainer(interface_hash)}/trainer.json'

    def strip_key(self, interface_hash: str, number: int) -> str:
        """The key of the picture of what the model of release `number` imagined."""
        return f'{self._trainer(interface_hash)}/strip_{number}.png'

    def film_key(self, interface_hash: str, number: int) -> str:
        """The key of the film of what the model of release `number` imagined."""
        return f'{self._trainer(interface_hash)}/film_{number}.webp'

    def _trainer(self, interface_hash: str) -> str:
        interface = check_name(interface_hash, 'interface_hash')
        return f'{STATUS}/{TRAINER}/{interface}' if self.format == 1 else f'{TRAINER}/{interface}'


def read_format(content: bytes) -> int:
    """The store's format, from its root object.

    Raises:
        RecordError: damaged, or of a format that this version does not know.
    """
    return int(_formatted(content, STORE_FORMATS)['format'])


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
    return _formatted(content, (RECORD_FORMAT,))


def _formatted(content: bytes, known: Sequence[int]) -> dict[str, Any]:
    try:
        record = strict_json(content)
    except ValueError as error:
        raise RecordError(f'not JSON ({error}): damaged, or not written by this package') from None
    number = record.get('format') if isinstance(record, dict) else None
    if number not in known or isinstance(number, bool):
        raise RecordError(
            f'format {ascii(number)[:40]}: this version reads format '
            f'{" and ".join(map(str, known))} only; update world_model_ros, or name the store '
            'that belongs to this version'
        )
    return dict(record)


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
