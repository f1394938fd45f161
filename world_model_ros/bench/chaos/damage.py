# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Damage as disks, cables and people do it: to bytes, and to folders; and what must not change.

Owns random changes and snapshots that the injectors share. Checks nothing itself.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

HUGE = (0, 1, (1 << 31) - 1, (1 << 32) - 1, 1 << 42, (1 << 63) - 1, (1 << 64) - 1)


class Hit(NamedTuple):
    """What was done to bytes: the old ones from `start` to `end` are not there any more."""

    kind: str
    start: int
    end: int
    data: bytes


def damage(rng: np.random.Generator, data: bytes) -> Hit:
    """One random damage of one place."""
    kind = str(
        rng.choice(['bit', 'bit', 'byte', 'number', 'zeros', 'noise', 'cut', 'lost', 'inserted'])
    )
    at = int(rng.integers(len(data)))
    if rng.random() < 0.3:  # heads of files are small and matter most
        at = int(rng.integers(min(len(data), 4096)))
    size = int(rng.choice([1, 4, 64, 512, 4096]))
    end = min(len(data), at + size)
    if kind == 'bit':
        new, end = bytes([data[at] ^ 1 << int(rng.integers(8))]), at + 1
    elif kind == 'byte':
        new, end = bytes([data[at] ^ int(rng.integers(1, 256))]), at + 1
    elif kind == 'number':
        end = min(len(data), at + 8)
        new = struct.pack('<Q', HUGE[int(rng.integers(len(HUGE)))])[: end - at]
    elif kind == 'zeros':
        new = bytes(end - at)
    elif kind == 'noise':
        new = rng.bytes(end - at)
    elif kind == 'cut':
        new, end = b'', len(data)
    elif kind == 'lost':
        new = b''
    else:
        new, end = rng.bytes(size), at
    return Hit(kind, at, end, data[:at] + new + data[end:])


def lay_strangers(root: Path, rng: np.random.Generator) -> None:
    """What other people keep in a folder, under names like ours."""
    outside = root.parent / 'outside'
    outside.mkdir(exist_ok=True)
    (outside / 'thesis.tex').write_text('years of work')
    (outside / 'x.mcap').write_bytes(rng.bytes(64))
    for name in ('notes.active', 'photos', 'slots', 'draft.new', 'a' * 64):
        folder = root / name
        folder.mkdir(parents=True)
        (folder / 'mine.txt').write_text(name)
        os.utime(folder, (0, 0))
    (root / 'link.active').symlink_to(outside)
    (root / 'link').symlink_to(outside)
    (root / 'plain.active').write_text('a file')
    linked = root / 'linked.active'
    linked.mkdir()
    (linked / 'linked.mcap').symlink_to(outside / 'x.mcap')


def snapshot(folder: Path) -> dict[str, bytes]:
    """All below a folder, links not followed: path -> content, or what kind of thing it is."""
    found: dict[str, bytes] = {}
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(base, name)
            key = str(path.relative_to(folder))
            if path.is_symlink():
                found[key] = b'-> ' + os.readlink(path).encode()
            elif path.is_dir():
                found[f'{key}/'] = b''
            else:
                found[key] = path.read_bytes()
    return found


def missing(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    """What was there and is not, or has changed."""
    return sorted(key for key, content in before.items() if after.get(key) != content)
