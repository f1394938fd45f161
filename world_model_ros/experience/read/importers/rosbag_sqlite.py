# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of a rosbag2 sqlite3 file, whole or cut off.

Owns the tables that rosbag2's sqlite3 plug-in writes: `topics` and `messages`. The file is opened
read-only. Must not import ROS or torch.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from world_model_ros.experience.bag import Topic
from world_model_ros.experience.episode_limits import CHUNK_BYTES, MESSAGES, TOPICS, check_limit
from world_model_ros.experience.read.importers.arrived import ImportRefused
from world_model_ros.experience.read.importers.rosbag_files import (
    BagFile,
    BagMessage,
    BagTopic,
    offered_qos,
)

_MAGIC = b'SQLite format 3\x00'
_HEAD_BYTES = 100
_LENGTH_LIMIT = 0  # sqlite3.SQLITE_LIMIT_LENGTH; Python 3.10 has neither name nor method


def open_sqlite(path: Path) -> BagFile:
    """Look through a file: topics, counts, damage.

    Raises:
        ImportRefused: it is no sqlite3 file of rosbag2.
        LimitError: it holds more than any recording may.
    """
    with path.open('rb') as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ImportRefused(
                f'{path}: expected a sqlite3 file, its first bytes are others: is it complete? '
                'Copy it again, or leave it out'
            )
    pages = _Pages(path)
    try:
        with contextlib.closing(pages.connect()) as database:
            by_id = _topics(database, path)
    except sqlite3.Error as error:
        raise ImportRefused(
            f'{path}: its tables cannot be read ({error}): the file is damaged at its beginning; '
            'copy it again, or leave it out'
        ) from error
    notes: list[str] = []
    topics = {found.topic.name: found for found in by_id.values()}
    names = {number: found.topic.name for number, found in by_id.items()}
    for total, message in enumerate(_messages(pages, names, notes)):
        topics[message.topic].count += 1
        check_limit('messages', total + 1, MESSAGES)
    return BagFile(path, topics, lambda: _messages(pages, names, []), notes)


class _Pages:
    """The whole pages of a file, and what its header says of the pages that are missing."""

    def __init__(self, path: Path) -> None:
        self.name, self._path = path.name, path
        with path.open('rb') as file:
            head = file.read(_HEAD_BYTES).ljust(_HEAD_BYTES, b'\0')
        page = int.from_bytes(head[16:18], 'big')
        page = 65536 if page == 1 else max(512, page)
        self.usable = max(480, page - head[20])  # bytes of a page
        size, pages = path.stat().st_size, int.from_bytes(head[28:32], 'big')
        stale = head[24:28] != head[92:96]  # of before sqlite 3.7: the count says nothing
        self.cut = size < page * pages and not stale
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        if size % page:
            # Of half a page sqlite would read the other half as zeros.
            self._copy = tempfile.TemporaryDirectory(prefix='world_model_import_')
            self._path = Path(self._copy.name) / 'pages.db3'
            shutil.copyfile(path, self._path)
            os.truncate(self._path, size - size % page)
            self.cut = True

    def connect(self) -> sqlite3.Connection:
        """Open read-only; nothing that a foreign schema defines is ever executed."""
        database = sqlite3.connect(f'file:{quote(str(self._path.resolve()))}?mode=ro', uri=True)
        database.execute('PRAGMA trusted_schema=OFF')
        # A file that was cut off is shorter than its header says. Without this it is refused as a
        # whole; with it, what is there is read. Nothing is written: the file is open read-only.
        database.execute('PRAGMA writable_schema=ON')
        if hasattr(database, 'setlimit'):
            database.setlimit(_LENGTH_LIMIT, CHUNK_BYTES)
        return database

    @property
    def rows_in_one(self) -> int:
        """More than can be in a page: the smallest has its header, time and 4 bytes of message."""
        return self.usable // 24

    def lost(self, data: bytes) -> bool:
        """Whether the last page of a large row may lie behind the cut.

        A row that does not fit into its page goes on in others. If one in the middle is missing
        sqlite says so; a missing last one, which holds at least `rest` bytes, reads as zeros.
        """
        largest = self.usable - 35
        rest = largest - ((self.usable - 12) * 32 // 255 - 23)
        return len(data) >= rest and not any(data[-rest:])


def _topics(database: sqlite3.Connection, path: Path) -> dict[int, BagTopic]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    tables = {row[0] for row in rows}
    if not {'topics', 'messages'} <= tables:
        raise ImportRefused(
            f'{path}: expected the tables topics and messages of rosbag2, got '
            f'{", ".join(sorted(map(str, tables)))[:200] or "none"}: this is no bag'
        )
    columns = {row[1] for row in database.execute("PRAGMA table_info('topics')")}
    # Bags of before 2019 have no QoS.
    qos = 'offered_qos_profiles' if 'offered_qos_profiles' in columns else "''"
    found: dict[int, BagTopic] = {}
    query = f'SELECT id, name, type, serialization_format, {qos} FROM topics'
    for number, name, kind, encoding, profiles in database.execute(query):
        check_limit('topics', len(found) + 1, TOPICS)
        found[int(number)] = BagTopic(
            Topic(str(name), str(kind), offered_qos(str(profiles or ''))), str(encoding)
        )
    return found


def _messages(pages: _Pages, names: dict[int, str], notes: list[str]) -> Iterator[BagMessage]:
    """All messages in stored order, up to the first page that cannot be read."""
    rows = _rows(pages, names, notes)
    if not pages.cut:
        yield from rows
        return
    # All rows that go on behind the cut begin in the last page of the table that is there.
    held: deque[BagMessage] = deque()
    for row in rows:
        held.append(row)
        if len(held) > pages.rows_in_one:
            yield held.popleft()
    for row in held:
        if pages.lost(row.data):
            break
        yield row
    if not notes:
        notes.append(f'{pages.name}: cut off; what is before is read')


def _rows(pages: _Pages, names: dict[int, str], notes: list[str]) -> Iterator[BagMessage]:
    with contextlib.closing(pages.connect()) as database:
        try:
            # By rowid, as they were stored: the index by time may be cut off or stale.
            rows = database.execute(
                'SELECT topic_id, timestamp, data FROM messages NOT INDEXED ORDER BY rowid'
            )
            for topic, stamp_ns, data in rows:
                if topic not in names or not isinstance(stamp_ns, int):
                    continue
                if isinstance(data, bytes):
                    yield BagMessage(names[topic], stamp_ns, data)
        except sqlite3.Error as error:
            notes.append(f'{pages.name}: cut off or damaged; what is before is read ({error})')
