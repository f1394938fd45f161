# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Attacks on an updater that are written by hand: what a review had found, each once.

Owns the rows; the rules that must hold are in updater.py. Must not import ROS or torch.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from world_model_ros.bench.chaos.updater_attacks import DEEP, STATES, point, put_foreign, swap
from world_model_ros.bench.chaos.updater_bundles import HOSTILE
from world_model_ros.fleet.slot import vouched
from world_model_ros.releases import StoreConflict, latest_release, publish_release
from world_model_ros.store.keys import latest_key, record_key, to_json

if TYPE_CHECKING:
    from world_model_ros.bench.chaos.updater_runs import Case


def _row_foreign_folder(case: Case) -> None:
    put_foreign(case, case.slots / 'recordings')
    put_foreign(case, case.slots / ('f' * 64))
    if case.start():
        case.wrong('foreign folder taken', str(case.slots))
    case.check_foreign()


def _row_forged_release(case: Case) -> None:
    case.start()
    case.publish()
    _until_ready(case)
    for number in (1, 2):
        named = {'bundle_sha': f'{number:064x}', 'release': 9, 'bundle': str(case.folder)}
        case.hear(json.dumps({'format': 1, 'acting': named, 'rolled_back': named}))
        case.poll()
    case.hear(json.dumps({'format': 1, 'acting': None}))
    case.poll()


def _row_one_byte_object(case: Case) -> None:
    case.start()
    release = case.publish()
    assert release is not None and case.updater is not None
    record = release.to_record()
    record['files'] = {**record['files'], 'weights.bin': {'sha256': 'a' * 64, 'size': 1}}
    case.store.put(record_key(case.interface, 1), to_json(record))
    objects = case.store_folder / 'releases' / case.interface / 'objects'
    path = objects / release.bundle_sha / 'weights.bin'
    os.truncate(path, 32 << 20)
    fetched: list[str] = []
    get_file = case.updater._store.get_file

    def counted(key: str, path: Path | str, limit: int) -> None:
        fetched.append(key)
        get_file(key, path, limit)

    setattr(case.updater._store, 'get_file', counted)  # noqa: B010 - mypy forbids the plain way
    for _ in range(50):
        case.updater.poll()
        case.now_s += 1.0
    weights = sum(key.endswith('weights.bin') for key in fetched)
    if weights > 10:
        case.wrong('an item that is fetched for ever', f'{weights} times in 50 polls')
    case.check()


def _row_huge_records(case: Case) -> None:
    case.start()
    case.publish()
    for key in (latest_key(case.interface), record_key(case.interface, 1)):
        path = case.store_folder / key
        before = path.read_bytes()
        for content in (DEEP.encode() * 20, b'[' + b'1,' * 20_000_000 + b'1]', b' ' * (64 << 20)):
            path.write_bytes(content)
            case.poll()
        path.write_bytes(before)


def _row_pointer_set_back(case: Case) -> None:
    case.start()
    for _ in range(3):
        case.publish()
        _until_ready(case)
        swap(case)
    for number in (1, 2):
        point(case, number)
        case.poll()
        case.start()
        case.poll()


def _row_state_lost(case: Case) -> None:
    case.start()
    case.publish()
    _until_ready(case)
    swap(case)
    for name in STATES:
        (case.slots / name).unlink()
    if not case.start():
        case.wrong('process ended', 'a lost state ends the updater')
        return
    case.poll()
    assert case.updater is not None
    if case.updater.offered is not None or case.updater.status.state != 'refused':
        case.wrong('offered without a memory', repr(case.updater.status))


def _row_agent_takes_vouched_only(case: Case) -> None:
    case.start()
    case.publish()
    _until_ready(case)
    assert case.updater is not None and case.updater.offered is not None
    slot = Path(case.updater.offered.bundle)
    copy = case.folder / 'copy' / slot.parent.name
    shutil.copytree(slot.parent, copy)
    (case.slots / ('d' * 64)).symlink_to(slot.parent)
    for path in (copy / 'bundle', case.slots / ('d' * 64) / 'bundle', slot.parent, case.folder):
        try:
            vouched(path, case.slots)
        except (OSError, ValueError):
            continue
        case.wrong('unverified bundle taken', str(path))


def _row_two_trainers(case: Case) -> None:
    case.start()
    bundles = [[case.bundle() for _ in range(4)] for _ in range(2)]
    pointer: list[int] = []

    def publish(mine: list[Path]) -> None:
        for path in mine:
            with contextlib.suppress(StoreConflict):
                publish_release(case.store, path, case.interface)

    threads = [threading.Thread(target=publish, args=(mine,)) for mine in bundles]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        latest = latest_release(case.store, case.interface)
        pointer.append(latest.number if latest is not None else 0)
    if pointer != sorted(pointer):
        case.wrong('the pointer moved backwards', repr(pointer))
    case.poll()


def _row_hostile(name: str) -> Callable[[Case], None]:
    def row(case: Case) -> None:
        case.start()
        case.publish(name)
        for _ in range(4):
            case.poll()
        assert case.updater is not None
        if case.updater.offered is not None and name != 'odd number':
            case.wrong('unverified bundle offered', name)

    return row


def _until_ready(case: Case) -> None:
    assert case.updater is not None
    case.updater.trial.preflight = case.passes
    case.poll()
    case.updater.trial.preflight = case.preflight


ROWS: dict[str, Callable[[Case], None]] = {
    'a foreign folder as slots': _row_foreign_folder,
    'two forged releases': _row_forged_release,
    'one byte recorded, 32 MiB there': _row_one_byte_object,
    'huge records': _row_huge_records,
    'the pointer set back': _row_pointer_set_back,
    'the state lost': _row_state_lost,
    'two trainers at once': _row_two_trainers,
    'other directories than slots': _row_agent_takes_vouched_only,
    **{name: _row_hostile(name) for name in sorted(HOSTILE)},
}
