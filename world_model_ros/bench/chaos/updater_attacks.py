# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is done to an updater, at random and by hand: each function takes a case and changes it.

Owns the list of attacks; the rules that must hold are in updater.py. Must not import ROS or torch.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from world_model_ros.bench.chaos.updater_bundles import HOSTILE, ODD
from world_model_ros.fleet.slot import SlotsError
from world_model_ros.releases import publish_release
from world_model_ros.store.keys import latest_key, record_key, to_json

if TYPE_CHECKING:
    from world_model_ros.bench.chaos.updater_runs import Case

DEEP = '[' * 100_000
STATES = ('updater.0.json', 'updater.1.json')


def step(case: Case) -> None:
    """One thing that happens, drawn by its share."""
    names = list(_STEPS)
    shares = [_STEPS[name][0] for name in names]
    drawn = names[case.rng.choice(len(names), p=[s / sum(shares) for s in shares])]
    case.checked[f'step: {drawn}'] += 1
    _STEPS[drawn][1](case)


def put_foreign(case: Case, folder: Path) -> None:
    """Somebody's files, named and shaped like a slot's."""
    for name in ('bundle', 'bundle.part', 'recordings'):
        if (folder / name).is_symlink():  # this would change what it leads to
            continue
        (folder / name).mkdir(parents=True, exist_ok=True)
        path = folder / name / 'foreign_weights.bin'
        path.write_bytes(f'{path}'.encode())
        case.foreign[str(path)] = path.read_bytes()


def mend_store(case: Case) -> None:
    """Somebody removes what cannot be read from the store: pointer and records of no release."""
    releases = case.store_folder / 'releases' / case.interface
    numbers = [0]
    for path in sorted(releases.rglob('*')) if releases.is_dir() else []:
        if path.is_symlink() or not path.is_dir():
            if path.suffix == '.json' and path.stem.isdigit() and path.parent == releases:
                numbers.append(int(path.stem))
            path.unlink()
    shutil.rmtree(releases, ignore_errors=True)
    # The next number is above all that were.
    state = case.updater.state if case.updater is not None else None
    newest = state.newest.get(case.interface) if state is not None else None
    top = max([*numbers, newest.release if newest is not None else 0, case.newest])
    if top:
        release = publish_release(case.store, case.bundle(), case.interface)
        record = {**release.to_record(), 'number': top}
        case.store.put(record_key(case.interface, top), to_json(record))
        point(case, top)


def point(case: Case, number: int) -> None:
    """Let the pointer name a release."""
    case.store.put(latest_key(case.interface), to_json({'format': 1, 'number': number}))


# Of the store.


def _publish(case: Case) -> None:
    case.publish()


def _publish_hostile(case: Case) -> None:
    names = sorted(HOSTILE)
    case.publish(names[case.rng.integers(len(names))])


def _set_back(case: Case) -> None:
    point(case, int(case.rng.integers(1, case.bundles + 2)))


def _damage_object(case: Case) -> None:
    releases = case.store_folder / 'releases'
    files = sorted(p for p in releases.rglob('*') if p.is_file() and not p.is_symlink())
    if files:
        _damage(case, files[case.rng.integers(len(files))])


def _damage_record(case: Case) -> None:
    releases = case.store_folder / 'releases' / case.interface
    files = sorted(p for p in releases.glob('*.json') if p.is_file() and not p.is_symlink())
    if not files:
        return
    path = files[case.rng.integers(len(files))]
    try:
        record = json.loads(path.read_bytes())
        keys = sorted(record)
    except (ValueError, RecursionError, TypeError):
        return
    table = record
    if 'files' in record and isinstance(record['files'], dict) and case.rng.random() < 0.5:
        names = sorted(record['files'])
        if names and isinstance(record['files'][names[0]], dict):
            table = record['files'][names[case.rng.integers(len(names))]]
            keys = sorted(table)
    if keys:
        table[keys[case.rng.integers(len(keys))]] = ODD[case.rng.integers(len(ODD))]
    path.write_text(json.dumps(record))


# Of the robot's disk.


def _damage_state(case: Case) -> None:
    _damage(case, case.slots / STATES[case.rng.integers(2)])
    case.start()


def _damage_both_states(case: Case) -> None:
    for name in STATES:
        (case.slots / name).write_bytes((b'', b'{', b'\x00' * 50)[case.rng.integers(3)])
    if case.start():
        assert case.updater is not None
        if case.updater.offered is not None:
            case.wrong('offered without a memory', repr(case.updater.offered))
        case.poll()
        if case.rng.random() < 0.7:
            case.updater.start_over()
            case.bad.clear()  # the operator's word
            case.newest = 0


def _old_copies(case: Case) -> None:
    """One copy of the state comes back from a backup."""
    number = int(case.rng.integers(2))
    path, backup = case.slots / STATES[number], case.folder / 'backup.json'
    if backup.is_file():
        shutil.copy(backup, path)
        case.start()
    elif path.is_file():
        shutil.copy(path, backup)


def _damage_slot(case: Case) -> None:
    slots = [path for path in _slots(case) if path.is_dir() and not path.is_symlink()]
    if slots:
        slot = slots[case.rng.integers(len(slots))]
        files = sorted(
            p
            for p in slot.rglob('*')
            if p.is_file() and not p.is_symlink() and not p.name.startswith('foreign')
        )
        case.maimed.add(slot.name[:64])
        if files:
            _damage(case, files[case.rng.integers(len(files))])
    if case.rng.random() < 0.5:
        case.start()


def _damage_marker(case: Case) -> None:
    _damage(case, case.slots / 'slots.json')
    case.start()


def _foreign_slot(case: Case) -> None:
    """Somebody's folder, or a link to one, in the place of a slot that is to come."""
    digest = f'{int(case.rng.integers(1 << 40)):064x}'
    place = case.slots / digest
    if case.rng.random() < 0.5:
        put_foreign(case, place)
    else:
        place.symlink_to(case.folder / 'outside')
    if case.rng.random() < 0.5:
        put_foreign(case, case.slots / 'my recordings')


def _foreign_inside(case: Case) -> None:
    """Somebody's files and links inside of a slot."""
    for slot in _slots(case)[:1]:
        if slot.is_symlink() or not slot.is_dir():
            continue
        case.maimed.add(slot.name[:64])
        if case.rng.random() < 0.5:
            put_foreign(case, slot)
        else:
            for name in ('bundle', 'bundle.part'):
                if not os.path.lexists(slot / name):
                    (slot / name).symlink_to(case.folder / 'outside' / 'bundle')


def _restart(case: Case) -> None:
    case.start()


# In the agent's name, and the operator's.


def swap(case: Case) -> None:
    """The agent takes what it is offered."""
    assert case.updater is not None
    offered = case.updater.offered
    if offered is not None:
        case.updater.swapped(offered.bundle_sha)


def _left(case: Case) -> None:
    assert case.updater is not None
    acting = case.updater.state.acting
    if acting is not None and case.updater.rolled_back(acting.bundle_sha, 'x' * 10_000):
        case.bad.add(acting.bundle_sha)


def _forged(case: Case) -> None:
    rng = case.rng
    known = [slot.name[:64] for slot in _slots(case)] * 3 + ['e' * 64]

    def entry_or_odd() -> Any:
        entry: dict[str, Any] = {
            'bundle_sha': known[rng.integers(len(known))],
            'release': int(rng.integers(20)),
            'bundle': str(case.folder / 'outside'),
            'reason': 'x' * int(rng.integers(1, 5000)),
            'state': ('loading', 'ready', 'refused')[rng.integers(3)],
        }
        if rng.random() < 0.1:
            entry[sorted(entry)[rng.integers(len(entry))]] = ODD[rng.integers(len(ODD))]
        if rng.random() < 0.05:
            return ODD[rng.integers(len(ODD))]
        return entry if rng.random() < 0.7 else None

    for _ in range(int(rng.integers(1, 6))):
        word = {key: entry_or_odd() for key in ('acting', 'candidate', 'previous', 'rolled_back')}
        text = json.dumps({'format': 1 if rng.random() < 0.9 else 2, **word})
        if rng.random() < 0.2:
            text = (DEEP, '', text[: len(text) // 2], text * 100, 'NaN', '"\\ud800"')[
                rng.integers(6)
            ]
        case.hear(text)


def _rollback(case: Case) -> None:
    assert case.updater is not None
    acting = case.updater.state.acting
    try:
        slot = case.updater.rollback()
    except SlotsError:
        return
    case.bad.discard(slot.bundle_sha)
    if acting is not None:
        case.bad.add(acting.bundle_sha)


def _slots(case: Case) -> list[Path]:
    return sorted(path for path in case.slots.iterdir() if len(path.name.split('.')[0]) == 64)


def _damage(case: Case, path: Path) -> None:
    """Bits, a cut, nothing, gone, a link, or 32 MiB more."""
    rng = case.rng
    if not path.is_file() or path.is_symlink():
        return
    content = bytearray(path.read_bytes())
    kind = int(rng.integers(6))
    if kind == 0 and content:
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
    elif kind == 1:
        path.write_bytes(content[: len(content) // 2])
    elif kind == 2:
        path.write_bytes(b'')
    elif kind == 3:
        path.unlink()
    elif kind == 4:
        path.unlink()
        path.symlink_to(case.folder / 'outside' / 'bundle' / 'foreign_weights.bin')
    elif case.store_folder in path.parents:
        os.truncate(path, len(content) + (32 << 20))
    else:
        path.write_bytes(DEEP.encode())


_STEPS: dict[str, tuple[float, Callable[[Case], None]]] = {
    'publish': (4, _publish),
    'publish hostile': (0.5, _publish_hostile),
    'pointer set back': (1, _set_back),
    'object damaged': (1.5, _damage_object),
    'record damaged': (1.5, _damage_record),
    'state damaged': (1, _damage_state),
    'both states damaged': (0.4, _damage_both_states),
    'old state': (0.6, _old_copies),
    'slot damaged': (1, _damage_slot),
    'marker damaged': (0.3, _damage_marker),
    'foreign in place': (0.7, _foreign_slot),
    'foreign inside': (0.7, _foreign_inside),
    'restart': (1, _restart),
    'swap': (3, swap),
    'left': (0.7, _left),
    'forged words': (2, _forged),
    'rollback': (1, _rollback),
}
