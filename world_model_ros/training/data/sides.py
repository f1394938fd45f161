# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which side an episode goes to: learned from, or held out for the gate; and fair shares of both.

Owns the trainer's secret. Who uploads an episode chooses its uuid; with a public hash it would
choose the side as well, and put crafted episodes into the gate. Must not import torch, ROS or a
simulator.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from world_model_ros.durable import read_regular, sync_folder
from world_model_ros.training.data.ledger import Entry, Ledger

Side = Literal['ingested', 'held_out']
KEY_FILE = 'held_out.key'
KEY_BYTES = 32
KEY_FILE_BYTES = 1_000
# With so many episodes to learn from, one must be there to judge by: of ten, the hash alone holds
# none out in 35 % of the cases, and without any nothing is ever published.
INGESTED_BEFORE_HELD_OUT = 4
# A recorder that was restarted within an episode writes UUID-2 beside UUID; one that finds other
# content under its key in the store uploads UUID.CONTENT.
_PART = re.compile(
    r'^([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:-\d+)?(?:\.[0-9a-f]{12})?$'
)
_T = TypeVar('_T')


def secret_of(folder: Path) -> tuple[bytes, str]:
    """Return the secret of a trainer's folder, and what was wrong with it.

    It is made once, readable by its owner only. A damaged one is set aside and made again: what is
    settled keeps its side by the ledger.

    Raises:
        OSError: it can be neither read nor written.
    """
    path, problem = folder / KEY_FILE, ''
    try:
        key = bytes.fromhex(read_regular(path, KEY_FILE_BYTES).decode().strip())
        if len(key) == KEY_BYTES:
            os.chmod(path, 0o600)
            return key, ''
        problem = f'{len(key)} bytes, expected {KEY_BYTES}'
    except FileNotFoundError:
        pass
    except ValueError as error:
        problem = str(error)
    if problem:
        problem = f'{path}: damaged ({problem}), made again'
        os.replace(path, path.with_name(f'{KEY_FILE}.damaged'))
    key = secrets.token_bytes(KEY_BYTES)
    temporary = path.with_name(f'{KEY_FILE}.partial')
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(temporary, flags, 0o600), 'wb') as file:
        file.write(key.hex().encode() + b'\n')
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(folder)
    return key, problem


def side(ledger: Ledger, key: bytes, robot_id: str, uuid: str, share: float) -> Side:
    """Tell where the next episode goes; what is settled stays where it is.

    Parts of one episode of one robot go where its first settled part went. Else the keyed hash
    decides, except that one of the first five is held out if none is; which one, the key says. A
    share of 0 holds nothing out.
    """
    settled: dict[tuple[str, str], Side] = {}
    for entry in ledger.entries.values():
        if entry.state != 'refused':
            settled.setdefault((entry.robot_id, whole_episode(entry.uuid)), entry.state)
    this = (robot_id, whole_episode(uuid))
    if this in settled:
        return settled[this]
    if is_held_out(key, *this, share):
        return 'held_out'
    due = 1 + int(_number(key, 'first', '') * INGESTED_BEFORE_HELD_OUT)
    overdue = len(settled) >= due and 'held_out' not in settled.values()
    return 'held_out' if share > 0 and overdue else 'ingested'


def whole_episode(uuid: str) -> str:
    """Return the uuid that the parts of one episode (UUID, UUID-2) share."""
    match = _PART.match(uuid)
    return (match.group(1) if match else uuid).lower()


def is_held_out(key: bytes, robot_id: str, uuid: str, share: float) -> bool:
    """Tell what the keyed hash says; one answer for all parts of an episode."""
    return _number(key, robot_id, whole_episode(uuid)) < share


def content_of(rows: dict[str, np.ndarray], pictures: Iterable[str]) -> str:
    """Return the sha256 of a life: times, actions, rewards and joints, in whatever form it came.

    Pictures are left out: a variant of an episode (compressed, as the model sees it) is the same.
    """
    digest = hashlib.sha256()
    left_out = {'ages', *(f'obs_{name}' for name in pictures)}
    for name in sorted(rows.keys() - left_out):
        digest.update(f'{name} {rows[name].dtype} {rows[name].shape}\n'.encode())
        digest.update(np.ascontiguousarray(rows[name]).data)
    return digest.hexdigest()


def in_turns(items: Iterable[_T], robot: Callable[[_T], str], each: int) -> list[_T]:
    """Return at most `each` items of every robot, in turns; of one robot they keep their order."""
    queues: dict[str, list[_T]] = {}
    for item in items:
        queue = queues.setdefault(robot(item), [])
        if len(queue) < each:
            queue.append(item)
    return [queue[turn] for turn in range(each) for queue in queues.values() if turn < len(queue)]


def newest(entries: Sequence[Entry], count: int) -> list[Entry]:
    """Return the newest entries, robots in turns, in the order in which they were settled."""
    if count <= 0:
        return []
    chosen = in_turns(reversed(entries), lambda entry: entry.robot_id, count)[:count]
    keys = {entry.key for entry in chosen}
    return [entry for entry in entries if entry.key in keys]


def _number(key: bytes, robot_id: str, uuid: str) -> float:
    """A number in [0, 1) that nobody can tell without the key."""
    text = f'{robot_id}\0{uuid}'.encode('utf-8', 'surrogatepass')
    return int.from_bytes(hmac.new(key, text, hashlib.sha256).digest()[:8], 'big') / 2.0**64
