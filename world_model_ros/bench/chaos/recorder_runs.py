# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults against the recorder: damaged leftovers, odd messages, disks that refuse.

A violation is: something raised or a thread that ended; another recording that was held up or not
sealed; a message lost that could be read; anything deleted that is not ours. Begins with the
stored fixtures. Must not import ROS or torch.
"""

from __future__ import annotations

import errno
import functools
import json
import logging
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from world_model_ros.bench.chaos.damage import damage, lay_strangers, missing, snapshot
from world_model_ros.bench.chaos.episode_parts import fixture
from world_model_ros.bench.chaos.runs import Violation
from world_model_ros.experience import EpisodeReader, EpisodeWriter, Topic, recover_leftovers
from world_model_ros.experience.bag import END_RECORD, EpisodeError, EpisodeInfo
from world_model_ros.experience.record.session import GRACE_SEC, RecordingSession
from world_model_ros.experience.record.sink import FileSink
from world_model_ros.wire.cdr import JOINT_STATE, decode, encode, typestore

CHUNK_BYTES = 6_000  # the fixture has some twenty chunks then
JOIN_SEC = 30.0
STRING = 'std_msgs/msg/String'
Message = tuple[str, bytes]  # topic, CDR


@dataclass(frozen=True)
class Recorded:
    """A recording as a killed recorder leaves it."""

    data: bytes
    messages: list[Message]
    chunks: list[tuple[int, int, int, int]]  # bytes from, to; messages from, to


def one_run(
    _index: int, rng: np.random.Generator, folder: Path, checked: Counter[str]
) -> list[Violation]:
    """One fault of one kind, drawn."""
    logging.disable(logging.CRITICAL)  # what is said of it is not what is counted
    part = str(rng.choice(['leftover', 'leftover', 'session', 'disk']))
    run = {'leftover': _leftover, 'session': _session, 'disk': _disk}[part]
    try:
        return run(rng, folder, checked)
    finally:
        logging.disable(logging.NOTSET)


# ---- leftovers -----------------------------------------------------------------------------


@functools.cache
def _source() -> tuple[EpisodeInfo, dict[str, Topic], list[tuple[str, bytes, int]]]:
    """The fixture's first record, topics by role, and messages (role, CDR, log time)."""
    reader = EpisodeReader(fixture('episode_v1'))
    roles = {name: role for role, name in reader.info.topics.items()}
    topics = {roles[name]: topic for name, topic in reader.topics.items() if name in roles}
    messages = [(roles[m.topic], m.data, m.log_ns) for m in reader.messages()]
    return reader.info, topics, messages


@functools.cache
def recorded(compression: str) -> Recorded:
    """What our recorder had written when it was killed."""
    info, topics, messages = _source()
    with tempfile.TemporaryDirectory() as folder:
        writer = EpisodeWriter(
            Path(folder), info, min_free_bytes=0, compression=compression, chunk_bytes=CHUNK_BYTES
        )
        for role, data, log_ns in messages:
            writer.write(topics[role], data, log_ns)
        writer.close()
        writer.join(JOIN_SEC)
        reader = EpisodeReader(writer.path)
        end = next(i.offset for i, _ in reader.contents.metadata if i.name == END_RECORD)
        data = reader.file.read_bytes()[:end]
        every = [(m.topic, m.data) for m in reader.messages()]
        chunks, first = [], 0
        for number, chunk in enumerate(reader.contents.chunks):
            count = sum(1 for place, _ in reader.places() if place.chunk == number)
            start = chunk.chunk_start_offset
            chunks.append((start, start + chunk.chunk_length, first, first + count))
            first += count
    return Recorded(data, every, chunks)


def _leftover(rng: np.random.Generator, folder: Path, checked: Counter[str]) -> list[Violation]:
    source = recorded(str(rng.choice(['zstd', 'none', 'lz4'])))
    root = folder / 'episodes'
    root.mkdir()
    lay_strangers(root, rng)
    before = snapshot(folder)
    hit = damage(rng, source.data)
    checked[f'leftover: {hit.kind}'] += 1
    for name, data in (('a', source.data), ('damaged', hit.data), ('z', source.data)):
        (root / f'{name}.active').mkdir()
        (root / f'{name}.active' / f'{name}.mcap').write_bytes(data)
    if rng.random() < 0.2:
        (root / 'damaged.active' / 'mine.txt').write_text('a stranger in our folder')
        checked['leftover: with a file of somebody else'] += 1
    living = None
    if rng.random() < 0.2:
        living = EpisodeWriter(root, replace(_source()[0], uuid='living'), min_free_bytes=0)
        checked['leftover: beside a living recorder'] += 1
    result = recover_leftovers(root)
    found = _check_leftover(source, hit.start, hit.end, hit.data, root, result.removed)
    if living is not None:
        if not (root / 'living.active' / 'living.mcap').is_file():
            found.append(Violation('deleted', 'a living recording was taken for a leftover'))
        living.close('discarded')
        living.join(JOIN_SEC)
    for name in ('a', 'z'):
        if not (root / name).is_dir() or _messages(root / name) != source.messages:
            found.append(
                Violation('blocked', f'{name} beside it was not sealed whole ({hit.kind})')
            )
    changed = missing(before, snapshot(folder))
    if changed:
        found.append(Violation('deleted', f'not ours: {changed[:5]}'))
    return found


def _check_leftover(
    source: Recorded, start: int, end: int, data: bytes, root: Path, removed: list[Path]
) -> list[Violation]:
    what = f'bytes {start} to {end} of {len(source.data)}'
    untouched = [chunk for chunk in source.chunks if chunk[1] <= start or chunk[0] >= end]
    head = start < source.chunks[0][0]  # the first records: whose it is
    sealed, aside = root / 'damaged', root / 'unreadable' / 'damaged.active'
    if sealed.is_dir():
        got = _messages(sealed)
        wanted = [m for *_, first, last in untouched for m in source.messages[first:last]]
        lost = Counter(wanted) - Counter(got)
        if lost:
            topics = Counter(topic for topic, _ in lost.elements())
            return [Violation('lost', f'{what}: {dict(topics)} could be read')]
        return []
    if aside.is_dir():
        kept = aside / 'damaged.mcap'
        if kept.read_bytes() != data:
            return [Violation('lost', f'{what}: set aside, and not as it was')]
        if not (root / 'unreadable' / 'damaged.active.why.txt').is_file():
            return [Violation('unsaid', f'{what}: set aside without a word')]
        if untouched and not head:
            why = (root / 'unreadable' / 'damaged.active.why.txt').read_text()
            return [Violation('lost', f'{what}: set aside though it could be sealed: {why}')]
        return []
    if removed:
        return [Violation('deleted', f'{what}: removed')]
    return [Violation('blocked', f'{what}: neither sealed nor set aside')]


def _messages(episode: Path) -> list[Message]:
    return [(m.topic, m.data) for m in EpisodeReader(episode).messages()]


# ---- messages ------------------------------------------------------------------------------

_ODD = (float('nan'), float('inf'), -float('inf'), 1e308, -1.0, 0.5, float(1 << 60))
_TEXTS = (
    '',
    '[',
    '[]',
    'null',
    '{}',
    '{"uuid": null}',
    '{"uuid": ""}',
    '{"uuid": "../../etc"}',
    '{"uuid": "a\\u0000b"}',
    '{"uuid": "\\ud800"}',
    '{"uuid": "x.active"}',
    '{"uuid": "x.new"}',
    '{"uuid": "' + 'x' * 300 + '"}',
    '{"uuid": "y", "robot_id": "lab/arm1"}',
    '{"uuid": "y", "robot_id": {"a": 1}}',
    '{"uuid": "y", "contract": ["no text"]}',
    '{"uuid": "y", "bundle": 1e999}',
    '{"uuid": "y", "uuid": "z"}',
    '{"uuid": "y", "x": ' + '9' * 5000 + '}',
    '{"uuid": "y", "x": ' + '[' * 20_000 + ']' * 20_000 + '}',
    '{"uuid": "y", "x": "' + 'z' * 600_000 + '"}',
)


def _odd_message(rng: np.random.Generator, role: str, data: bytes) -> bytes:
    """A message that somebody else publishes on a topic of the recorder."""
    draw = rng.random()
    if draw < 0.3:
        return damage(rng, data).data
    if draw < 0.4:
        return rng.bytes(int(rng.integers(0, 200)))
    if role == 'episode':
        text = _TEXTS[int(rng.integers(len(_TEXTS)))]
        return encode(STRING, typestore().types[STRING](text))
    if role in ('tick', 'sent', 'reward', 'stream.joints'):
        message = decode(JOINT_STATE, data)
        position = message.position.copy()
        for _ in range(int(rng.integers(1, 4))):
            if len(position):
                position[int(rng.integers(len(position)))] = _ODD[int(rng.integers(len(_ODD)))]
        names = list(message.name)
        if rng.random() < 0.2:
            names = names[: len(names) // 2]
        kind = typestore().types[JOINT_STATE]
        changed = kind(message.header, names, position, message.velocity, message.effort)
        return encode(JOINT_STATE, changed)
    return data[: int(rng.integers(len(data)))]


def _session(rng: np.random.Generator, folder: Path, checked: Counter[str]) -> list[Violation]:
    info, topics, messages = _source()
    root = folder / 'episodes'

    def open_writer(about: EpisodeInfo) -> EpisodeWriter:
        return EpisodeWriter(root, about, min_free_bytes=0)

    session = RecordingSession(root, topics, open_writer, info.robot_id, info.contract_text)
    announced = encode(STRING, typestore().types[STRING](json.dumps(_announcement(info))))
    session.on_message('episode', announced, messages[0][2], messages[0][2], 0.0)
    found: list[Violation] = []
    odd = 0
    for role, data, log_ns in messages:
        while rng.random() < 0.3:
            at = role if rng.random() < 0.5 else str(rng.choice(['tick', 'episode']))
            sample = announced if at == 'episode' else data if at == role else _tick(messages)
            bad = _odd_message(rng, at, sample)
            odd += 1
            checked[f'message: {at}'] += 1
            try:
                session.on_message(at, bad, log_ns, log_ns, 0.0)
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                found.append(Violation('raised', f'{at} {bad[:60]!r}: {error!r}'))
        session.on_message(role, data, log_ns, log_ns, 0.0)
    session.poll(GRACE_SEC + 0.1)
    session.close(JOIN_SEC)
    got = Counter[Message]()
    for path in root.iterdir():
        if path.is_dir() and not path.name.endswith('.active'):
            got.update(_messages(path))
    wanted = Counter((topics[role].name, data) for role, data, _ in messages)
    lost = wanted - got
    if lost:
        names = dict(Counter(topic for topic, _ in lost.elements()))
        found.append(Violation('lost', f'among {odd} odd messages: {names}'))
    return found


def _announcement(info: EpisodeInfo) -> dict[str, str]:
    return {
        'uuid': info.uuid,
        'robot_id': info.robot_id,
        'contract': info.contract_text,
        'interface_hash': info.interface_hash,
        'contract_hash': info.contract_hash,
    }


def _tick(messages: list[tuple[str, bytes, int]]) -> bytes:
    return next(data for role, data, _ in messages if role == 'tick')


# ---- disks ---------------------------------------------------------------------------------


class _Refusing(FileSink):
    """A disk that takes so many bytes and then says no, or breaks in another way."""

    def __init__(self, path: Path, room: int, error: Exception) -> None:
        super().__init__(path)
        self.room, self.error = room, error

    def write(self, data: bytes) -> int:
        left = self.room - self.tell()
        if len(data) > left:
            super().write(data[: max(0, left)])
            raise self.error
        return super().write(data)


def _disk(rng: np.random.Generator, folder: Path, checked: Counter[str]) -> list[Violation]:
    info, topics, messages = _source()
    source = recorded('none')
    error = [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EIO, os.strerror(errno.EIO)),
        OSError(errno.EROFS, os.strerror(errno.EROFS)),
        RuntimeError('a library broke'),
        MemoryError(),
    ][int(rng.integers(5))]
    room = int(rng.integers(len(source.data) + 4000))
    checked[f'disk: {type(error).__name__} {getattr(error, "errno", "")}'.rstrip()] += 1
    root = folder / 'episodes'
    root.mkdir()
    lay_strangers(root, rng)
    before = snapshot(folder)
    try:
        writer = EpisodeWriter(
            root,
            info,
            min_free_bytes=0,
            compression='none',
            chunk_bytes=CHUNK_BYTES,
            sink=lambda path: _Refusing(path, room, error),
        )
    except EpisodeError:
        left = missing(before, snapshot(folder)) or sorted(set(snapshot(folder)) - set(before))
        return [Violation('deleted', f'refused at {room} bytes: {left}')] if left else []
    for role, data, log_ns in messages:
        writer.write(topics[role], data, log_ns)
    writer.close()
    if not writer.join(JOIN_SEC):
        return [Violation('process ended', f'the writer hangs after {room} bytes')]
    recover_leftovers(root)
    found: list[Violation] = []
    whole = [chunk for chunk in source.chunks if chunk[1] <= room]
    wanted = Counter(m for *_, first, last in whole for m in source.messages[first:last])
    got = Counter[Message]()
    for path in root.iterdir():
        if (path / 'metadata.yaml').is_file():
            got.update(_messages(path))
    aside = list((root / 'unreadable').glob('*.active')) if (root / 'unreadable').is_dir() else []
    if wanted - got or (aside and wanted):
        found.append(
            Violation(
                'lost', f'{room} bytes: {sum((wanted - got).values())} of {sum(wanted.values())}'
            )
        )
    changed = missing(before, snapshot(folder))
    if changed:
        found.append(Violation('deleted', f'not ours: {changed[:5]}'))
    shutil.rmtree(root, ignore_errors=True)
    return found
