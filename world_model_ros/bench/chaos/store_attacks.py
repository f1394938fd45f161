# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What somebody can do to an episode's objects in a folder store, and a disk to a trainer's files.

Must not import ROS or torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Change = Callable[[Path, np.random.Generator], None]


def _mcap(there: Path) -> Path:
    return next(there.glob('*.mcap'))


def _record(there: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = there / 'complete.json'
    record = json.loads(path.read_bytes())
    change(record)
    path.write_text(json.dumps(record))


def _one_byte(there: Path, rng: np.random.Generator) -> None:
    _record(there, lambda r: r['files'][_mcap(there).name].update(size=1))
    with _mcap(there).open('wb') as file:
        file.truncate(32 << 20)


def _link(there: Path, rng: np.random.Generator) -> None:
    path = _mcap(there)
    path.unlink()
    path.symlink_to('/dev/zero')


def _link_to_elsewhere(there: Path, rng: np.random.Generator) -> None:
    path = _mcap(there)
    path.rename(there.parent / 'elsewhere')
    path.symlink_to(there.parent / 'elsewhere')


def _pipe(there: Path, rng: np.random.Generator) -> None:
    path = _mcap(there)
    path.unlink()
    os.mkfifo(path)


def _flipped(there: Path, rng: np.random.Generator) -> None:
    data = bytearray(_mcap(there).read_bytes())
    data[int(rng.integers(len(data)))] ^= 1
    _mcap(there).write_bytes(data)


def _text(content: bytes) -> Change:
    return lambda there, rng: _write(there / 'complete.json', content)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _size(size: object) -> Change:
    return lambda there, rng: _record(
        there, lambda r: r['files'][_mcap(there).name].update(size=size)
    )


def _file_name(name: str) -> Change:
    def change(record: dict[str, Any]) -> None:
        record['files'][name] = {'sha256': '0' * 64, 'size': 1}

    return lambda there, rng: _record(there, change)


def _many_files(there: Path, rng: np.random.Generator) -> None:
    entry = {'sha256': '0' * 64, 'size': 0}
    _record(there, lambda r: r['files'].update({f'f{k}': entry for k in range(10_000)}))


OBJECTS: dict[str, Change] = {
    'record says 1 byte, object has 32 MiB': _one_byte,
    'record says 2**80 bytes': _size(1 << 80),
    'record says 4 TiB': _size(4 << 40),
    'record says -1 byte': _size(-1),
    'record says half a byte': _size(0.5),
    'record is deep': _text(b'[' * 500_000),
    'record is huge': _text(b' ' * (8 << 20)),
    'record is no JSON': _text(b'\xff\xfe'),
    'record is empty': _text(b''),
    'record of another format': _text(b'{"format": 7}'),
    'record without files': _text(b'{"format": 1, "files": {}}'),
    'record names ../x': _file_name('../x'),
    'record names 10,000 files': _many_files,
    'object is a link to /dev/zero': _link,
    'object is a link': _link_to_elsewhere,
    'object is a pipe': _pipe,
    'object has another bit': _flipped,
    'object is gone': lambda there, rng: _mcap(there).unlink(),
    'record is gone': lambda there, rng: (there / 'complete.json').unlink(),
}


def _bits(name: str) -> Change:
    def damage(out: Path, rng: np.random.Generator) -> None:
        path = out / name
        if not path.exists():
            return
        data = bytearray(path.read_bytes())
        for at in rng.integers(0, len(data), 3):
            data[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)

    return damage


def _cut(name: str) -> Change:
    def damage(out: Path, rng: np.random.Generator) -> None:
        path = out / name
        if path.exists():
            data = path.read_bytes()
            path.write_bytes(data[: int(rng.integers(len(data) + 1))])

    return damage


def _gone(name: str) -> Change:
    return lambda out, rng: (out / name).unlink(missing_ok=True)


STATE: tuple[tuple[str, Change], ...] = tuple(
    (f'{name}: {what}', make(name))
    for name in ('ledger.jsonl', 'ledger.jsonl.copy', 'attempts.0.json', 'held_out.key')
    for what, make in (('bits', _bits), ('cut', _cut), ('gone', _gone))
)
