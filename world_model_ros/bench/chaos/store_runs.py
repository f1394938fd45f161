# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults against the store's client: odd episodes, foreign objects, damaged records, stores away.

A violation is: something raised that is no StoreError; an episode that held up another; an episode
that could go and did not arrive as it was; an object or a file of somebody else changed or gone; a
store made by a robot. Begins with the stored fixtures. Must not import ROS or torch.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from world_model_ros.bench.chaos.damage import damage, lay_strangers, missing, snapshot
from world_model_ros.bench.chaos.episode_parts import FIXTURES, fixture
from world_model_ros.bench.chaos.runs import Violation
from world_model_ros.contract import interface_hash
from world_model_ros.experience import EpisodeReader
from world_model_ros.experience.record.shipped_list import FILE as SHIPPED
from world_model_ros.experience.record.shipping import Shipper
from world_model_ros.releases import latest_release, releases
from world_model_ros.releases.gc import collect, find_garbage
from world_model_ros.store import (
    Store,
    StoreError,
    complete_episodes,
    download_episode,
    open_store,
)
from world_model_ros.store.episode_store import day_of, episode_record, list_episodes

ROBOT = 'counter-1'  # who recorded the fixture
STEPS = 12
HEALTHY = ('aa', 'zz')
LATER = timedelta(days=1000)


def one_run(
    _index: int, rng: np.random.Generator, folder: Path, checked: Counter[str]
) -> list[Violation]:
    """One fault of one kind, drawn."""
    logging.disable(logging.CRITICAL)
    part = str(rng.choice(['ship', 'ship', 'read']))
    try:
        return {'ship': _ship, 'read': _read}[part](rng, folder, checked)
    finally:
        logging.disable(logging.NOTSET)


# ---- up ------------------------------------------------------------------------------------

_METADATA = (
    ('robot_id: counter-1', 'robot_id: lab/arm1'),
    ('robot_id: counter-1', 'robot_id: "a\\0b"'),
    ('robot_id: counter-1', 'robot_id: [deep, {er: 1}]'),
    ('robot_id: counter-1', 'robot_id: .nan'),
    ('robot_id: counter-1', "robot_id: '..'"),
    ('message_count:', 'message_count: .inf #'),
    ('custom_data:', 'custom_data: [] #'),
    ('started_ns:', 'started_ns: 1e999 #'),
    ('started_ns:', "started_ns: '-99999999999999999999999999' #"),
    ('status:', 'status: .nan #'),
    ('rosbag2_bagfile_information:', '- {unclosed: ['),
    ('rosbag2_bagfile_information:', '&a [*a, *a]\n---\n'),
)


def _ship(rng: np.random.Generator, folder: Path, checked: Counter[str]) -> list[Violation]:
    root = folder / 'episodes'
    root.mkdir()
    lay_strangers(root, rng)
    source = fixture('episode_v1')
    for name in HEALTHY:
        shutil.copytree(source, root / name)
    _odd_episode(rng, source, root / str(rng.choice(['0first', 'ab', 'zzz'])), checked)
    store = _some_store(rng, folder / 'store', checked)
    _lay_foreign(rng, store, root, checked)
    faults = _Faults(rng, store, checked)
    before = snapshot(folder)
    shipper = Shipper(root, str(folder / 'store'), ROBOT, first_retry_s=0.0)
    found: list[Violation] = []
    try:
        for step in range(STEPS):
            faults.at(step)
            shipper.step()
            if step > STEPS // 2 and not shipper.figures.waiting:
                break
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        return [Violation('process ended', f'{faults.kind}: {error!r}')]
    finally:
        faults.undo()
    found += _arrived(store, source, folder / 'back', faults.kind)
    after = snapshot(folder)
    changed = [key for key in missing(before, after) if not key.endswith(f'/{SHIPPED}')]
    if changed:
        found.append(Violation('deleted', f'{faults.kind}: changed or gone: {changed[:5]}'))
    if shipper.figures.broken:
        found.append(Violation('raised', f'{faults.kind}: {shipper.figures.broken}'))
    return found + _collected(store, folder)


def _odd_episode(
    rng: np.random.Generator, source: Path, target: Path, checked: Counter[str]
) -> None:
    """An episode that cannot go, or may not."""
    shutil.copytree(source, target)
    metadata = target / 'metadata.yaml'
    kind = str(rng.choice(['words', 'words', 'bytes', 'deep', 'link', 'folder', 'empty', 'name']))
    if kind == 'words':
        old, new = _METADATA[int(rng.integers(len(_METADATA)))]
        metadata.write_text(metadata.read_text().replace(old, new))
    elif kind == 'bytes':
        metadata.write_bytes(damage(rng, metadata.read_bytes()).data)
    elif kind == 'deep':
        metadata.write_text('[' * 20_000)
    elif kind == 'link':
        (target / 'away').symlink_to('/etc/hostname')
    elif kind == 'folder':
        (target / '.ipynb_checkpoints').mkdir()
    elif kind == 'empty':
        for path in target.glob('*.mcap'):
            path.unlink()
    else:
        (target / 'a\\b:c#1').write_text('no key')
    checked[f'episode: {kind}'] += 1


def _some_store(rng: np.random.Generator, folder: Path, checked: Counter[str]) -> Store:
    kind = str(rng.choice(['store_format1', 'store_format2', 'new']))
    checked[f'store: {kind}'] += 1
    if kind == 'new':
        return open_store(folder, create=True)
    shutil.copytree(FIXTURES / kind, folder)
    return open_store(folder)


def _lay_foreign(
    rng: np.random.Generator, store: Store, root: Path, checked: Counter[str]
) -> None:
    """What somebody put where our episodes belong, before us."""
    about = _identity()
    for name in HEALTHY:
        prefix = store.layout.episode_prefix(about[0], ROBOT, about[1], name)
        kind = str(
            rng.choice(['none', 'none', 'complete', 'garbage', 'file', 'same size', 'link'])
        )
        checked[f'foreign: {kind}'] += kind != 'none'
        if kind == 'complete':
            store.put(f'{prefix}/complete.json', b'{"format": 1, "files": {}}')
        elif kind == 'garbage':
            store.put(f'{prefix}/complete.json', rng.bytes(100))
        elif kind == 'file':
            store.put(f'{prefix}/metadata.yaml', rng.bytes(50))
        elif kind == 'same size':
            size = (root / name / 'metadata.yaml').stat().st_size
            store.put(f'{prefix}/metadata.yaml', bytes(size))
        elif kind == 'link' and store.folder is not None:
            (store.folder / prefix).mkdir(parents=True)
            (store.folder / prefix / 'metadata.yaml').symlink_to(root / name / 'metadata.yaml')
    store.put('notes/mine.txt', b'somebody keeps this here')


@functools.cache
def _identity() -> tuple[str, str]:
    """Interface and day under which the fixture goes."""
    reader = EpisodeReader(fixture('episode_v1'))
    return interface_hash(reader.contract), day_of(reader.info.started_ns)


class _Faults:
    """A store that goes away, forbids, or is none for a while."""

    def __init__(self, rng: np.random.Generator, store: Store, checked: Counter[str]) -> None:
        self.kind = str(rng.choice(['none', 'away', 'unmounted', 'no format', 'read only folder']))
        self.steps = int(rng.integers(1, STEPS // 2))
        self.folder = store.folder
        self._aside = Path(f'{store.folder}_away')
        self._moved: tuple[Path, Path] | None = None
        checked[f'store fault: {self.kind}'] += 1

    def at(self, step: int) -> None:
        assert self.folder is not None
        if step == 0 and self.kind in ('away', 'unmounted'):
            self.folder.rename(self._aside)
            self._moved = (self._aside, self.folder)
            if self.kind == 'unmounted':
                self.folder.mkdir()
        elif step == 0 and self.kind == 'no format':
            self._moved = (self._aside, self.folder / 'format')
            (self.folder / 'format').rename(self._aside)
        elif step == 0 and self.kind == 'read only folder':
            # A file where a folder belongs: nothing can be put below, for root neither.
            for name in ('robots', 'episodes'):
                if not (self.folder / name).exists():
                    (self.folder / name).write_text('in the way')
        elif step == self.steps:
            self.undo()

    def undo(self) -> None:
        assert self.folder is not None
        if self._moved is not None:
            source, target = self._moved
            if target.is_dir():
                target.rmdir()  # raises if a robot made something in the mount point
            source.rename(target)
            self._moved = None
        for name in ('robots', 'episodes'):
            path = self.folder / name
            if path.is_file():
                path.unlink()


def _arrived(store: Store, source: Path, back: Path, what: str) -> list[Violation]:
    """Whether every healthy episode can be fetched, as it was recorded."""
    wanted = {path.name: path.read_bytes() for path in source.iterdir()}
    found: list[Violation] = []
    refs = complete_episodes(store)
    for name in HEALTHY:
        whole = 0
        for ref in refs:
            if ref.robot_id != ROBOT or ref.uuid.split('.')[0] != name:
                continue
            try:
                fetched = download_episode(store, ref, back)
            except StoreError:
                continue  # somebody else's, under our name
            whole += {path.name: path.read_bytes() for path in fetched.iterdir()} == wanted
        if whole != 1:
            found.append(Violation('blocked', f'{what}: {name} arrived {whole} times'))
    return found


def _collected(store: Store, folder: Path) -> list[Violation]:
    """What is deleted as garbage must be ours, and old."""
    if find_garbage(store).bundles or any(
        key.startswith('notes/') for key in find_garbage(store).in_order()
    ):
        return [Violation('deleted', 'young bundles are taken for garbage')]
    garbage = find_garbage(store, now=datetime.now(timezone.utc) + LATER)
    before = snapshot(folder)
    gone = {f'store/{key}' for key in collect(store, garbage)}
    lost = [key for key in missing(before, snapshot(folder)) if not key.endswith('/')]
    if set(lost) - gone or any('notes' in key for key in gone):
        return [Violation('deleted', f'beside the garbage: {sorted(set(lost) - gone)[:5]}')]
    return []


# ---- down ----------------------------------------------------------------------------------


def _read(rng: np.random.Generator, folder: Path, checked: Counter[str]) -> list[Violation]:
    store = _some_store(rng, folder / 'store', checked)
    paths = sorted(path for path in (folder / 'store').rglob('*') if path.is_file())
    hit = paths[int(rng.integers(len(paths)))]
    change = damage(rng, hit.read_bytes())
    hit.write_bytes(change.data)
    checked[f'object: {hit.name if hit.suffix == ".json" else hit.suffix or hit.name}'] += 1
    if rng.random() < 0.3:
        other = paths[int(rng.integers(len(paths)))]
        os.replace(hit, other.with_name('odd \u00e4 [1]*?%41'))
        checked['object: odd name'] += 1
    if rng.random() < 0.3:
        outside = folder / 'outside'
        outside.mkdir()
        (outside / 'mine.txt').write_text('years of work')
        (folder / 'back').mkdir()
        (folder / 'back' / 'uuid-1.part').symlink_to(outside)
        (folder / 'back' / 'uuid-1').mkdir()
        (folder / 'back' / 'uuid-1' / 'mine.txt').write_text('more')
        checked["download: into somebody's folder"] += 1
    before = snapshot(folder)
    interface = 'a' * 64
    found: list[Violation] = []
    reads = {
        'list': lambda: _fetch_all(store, folder / 'back'),
        'records': lambda: [episode_record(store, ref) for ref in complete_episodes(store)],
        'latest': lambda: latest_release(store, interface),
        'releases': lambda: releases(store, interface),
        'garbage': lambda: find_garbage(store),
    }
    for name, read in reads.items():
        try:
            read()
        except StoreError:
            checked['refused in words'] += 1
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            where = f'{hit.relative_to(folder)} {change.kind} at {change.start}'
            found.append(Violation('raised', f'{name}: {where}: {error!r}'))
    after = snapshot(folder)
    moved = {  # a folder in the way is set aside whole
        key.replace('back/uuid-1/', 'back/uuid-1.aside-1/') for key in before
    }
    changed = [key for key in missing(before, after) if key.startswith('back/uuid-1/')]
    gone = [key for key in missing(before, after) if key not in changed]
    if gone or (changed and not moved <= set(after)):
        found.append(Violation('deleted', f'changed or gone: {(gone + changed)[:5]}'))
    return found


def _fetch_all(store: Store, folder: Path) -> None:
    for ref in list_episodes(store)[0]:
        with contextlib.suppress(StoreError):
            download_episode(store, ref, folder)
