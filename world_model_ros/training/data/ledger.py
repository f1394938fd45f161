# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which episode went where: a ledger of JSON lines, each with its checksum, in two copies.

An episode is known by its robot and its uuid, and by its content: two robots may use one uuid, and
one episode may come under two. One line per episode, appended and synced, never changed. A line
that a kill tore is dropped at the next start; one that was damaged later is taken from the other
copy. Format 2; format 1 (one copy, no checksums, no content) is read and written again. Must not
import torch, ROS or a simulator.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from world_model_ros.durable import write_atomic
from world_model_ros.strict_json import strict_json

FORMAT = 2
OLD_FORMAT = 1
COPY_SUFFIX = '.copy'
LINE_BYTES = 1 << 20  # format 1 did not cut its reasons
State = Literal['ingested', 'held_out', 'refused']
STATES = ('ingested', 'held_out', 'refused')


@dataclass(frozen=True)
class Entry:
    """One settled episode."""

    uuid: str
    state: State
    robot_id: str = ''
    ticks: int = 0  # learnable ones
    reason: str = ''  # of a refusal
    content: str = ''  # sha256 of what was learnable; '' where nothing was, and in format 1

    @property
    def key(self) -> str:
        """What it is known by; no part of a key of the store holds a slash."""
        return episode_key(self.robot_id, self.uuid)


def episode_key(robot_id: str, uuid: str) -> str:
    """What an episode is known by."""
    return f'{robot_id}/{uuid}'


class Ledger:
    """All settled episodes, in the order in which they were settled.

    `damaged` says what was wrong with the files, '' if nothing.

    Raises:
        ValueError: the file has another format.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.copy = path, path.with_name(path.name + COPY_SUFFIX)
        self.entries: dict[str, Entry] = {}  # by key
        self.contents: dict[str, Entry] = {}  # by content
        self.damaged = ''
        lines, problems = read_entries(path)
        also, more = read_entries(self.copy)
        there = {entry.key for entry in lines}
        lost = [entry for entry in also if entry.key not in there]
        for entry in (*lines, *lost):
            self._add(entry)
        problems += more
        # A kill between the two appends leaves the copy one line ahead; more is damage.
        if len(lost) > 1 or (lost and problems) or (lost and lost[0] != also[-1]):
            problems.append(f'{len(lost)} episodes were taken from {self.copy.name}')
        self.damaged = '; '.join(problems)
        same = there == {entry.key for entry in also}
        if self.damaged or not same or not whole(path) or not whole(self.copy):
            for each in (path, self.copy):
                self._write(each)

    def settle(self, entry: Entry) -> None:
        """Write an episode down, for good; once."""
        if entry.key in self.entries:
            raise ValueError(f'{self.path}: episode {entry.key} is settled already')
        # The copy first: what is in the ledger is in both.
        for path in (self.copy, self.path):
            self._append(path, _line(asdict(entry)))
        self._add(entry)

    def of(self, state: State) -> list[Entry]:
        """Return the entries of one state, oldest first."""
        return [entry for entry in self.entries.values() if entry.state == state]

    def _add(self, entry: Entry) -> None:
        self.entries.setdefault(entry.key, entry)
        if entry.content and entry.state != 'refused':
            self.contents.setdefault(entry.content, entry)

    def _write(self, path: Path) -> None:
        """Write one copy again; what was damaged stays beside it."""
        if path.exists() and self.damaged:
            os.replace(path, path.with_name(path.name + '.damaged'))
        lines = [_line({'format': FORMAT}), *(_line(asdict(e)) for e in self.entries.values())]
        write_atomic(path, b''.join(lines))

    def _append(self, path: Path, line: bytes) -> None:
        size = path.stat().st_size
        try:
            with path.open('ab') as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # a full disk must not leave half a line before the next one
            if path.exists():
                os.truncate(path, size)
            raise


def read_entries(path: Path) -> tuple[list[Entry], list[str]]:
    """Return the whole lines of one copy, and what is wrong with the others.

    Raises:
        ValueError: the file has another format.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], []
    lines = content[: content.rfind(b'\n') + 1].splitlines()
    if not lines:  # killed before the first line was whole
        return [], []
    bad = [] if _known_format(path, lines[0]) else [1]
    entries: list[Entry] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            entries.append(_entry(_value(line)))
        except ValueError:
            bad.append(number)
    shown = ', '.join(str(number) for number in bad[:5])
    return entries, [f'{path}: damaged: line {shown}'] if bad else []


def whole(path: Path) -> bool:
    """Whether a copy is of this format and ends with a whole line."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    return content.startswith(_line({'format': FORMAT})) and content.endswith(b'\n')


def _known_format(path: Path, line: bytes) -> bool:
    """Whether the first line names a format that is read; False: it is damaged.

    Raises:
        ValueError: it names another one.
    """
    try:
        first = _value(line)
    except ValueError:
        return False
    if not isinstance(first, dict) or list(first) != ['format']:
        return False
    if first['format'] not in (OLD_FORMAT, FORMAT):
        raise ValueError(
            f'{path}: ledger format {first["format"]!r}, expected {OLD_FORMAT} or {FORMAT}; use '
            'the version that wrote it, or a new --out'
        )
    return True


def _line(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, sort_keys=True)
    return json.dumps({'crc': _crc(text), 'entry': value}, sort_keys=True).encode() + b'\n'


def _value(line: bytes) -> Any:
    """What a line says; those of format 1 carry no checksum.

    Raises:
        ValueError: it is damaged.
    """
    found = strict_json(line, LINE_BYTES)
    if isinstance(found, dict) and set(found) == {'crc', 'entry'}:
        if found['crc'] != _crc(json.dumps(found['entry'], sort_keys=True)):
            raise ValueError('damaged')
        return found['entry']
    return found


def _entry(value: Any) -> Entry:
    known: Iterable[str] = [each.name for each in fields(Entry)]
    if not isinstance(value, dict) or not set(value) <= set(known):
        raise ValueError('no entry')
    entry = Entry(**{'uuid': '', 'state': '', **value})
    texts = (entry.uuid, entry.state, entry.robot_id, entry.reason, entry.content)
    if not all(isinstance(text, str) for text in texts) or entry.state not in STATES:
        raise ValueError('no entry')
    if not entry.uuid or isinstance(entry.ticks, bool) or not isinstance(entry.ticks, int):
        raise ValueError('no entry')
    return entry


def _crc(text: str) -> str:
    return f'{zlib.crc32(text.encode()):08x}'
