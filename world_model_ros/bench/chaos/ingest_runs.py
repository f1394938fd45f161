# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Attacks the trainer's ingest: forged episodes, forged records, killed parsers, damaged state.

One run is one store with an honest episode and one to three others, followed by a trainer until
nothing waits, which is then started again. Everything must be settled, the honest episode learned
from, nothing lost that could be read, and memory must stay within its limit. Must not import ROS.
"""

from __future__ import annotations

import atexit
import functools
import os
import resource
import shutil
import signal
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from world_model_ros.bench.chaos import episode_parts as forge
from world_model_ros.bench.chaos.episode_attacks import BOMBS, LISTED, Attack, at_random
from world_model_ros.bench.chaos.runs import Violation
from world_model_ros.bench.chaos.store_attacks import OBJECTS, STATE
from world_model_ros.experience import EpisodeError, EpisodeReader
from world_model_ros.experience.read.figures import episode_figures
from world_model_ros.experience.read.scan import scan
from world_model_ros.store import open_store, upload_episode
from world_model_ros.training.data.ingest import Ingest
from world_model_ros.training.data.parser import Parser

INTERFACE = 'i' * 64
CAPACITY = 200  # ticks
PARSER_BYTES = 1 << 30
OWN_BYTES = 300 << 20  # so much more than before a run may this process have taken at once
POLLS = 200  # the longest way to a refusal has 8 tries
POLL_SEC = 60.0


def one_run(
    index: int, rng: np.random.Generator, folder: Path, checked: Counter[str]
) -> list[Violation]:
    """Attack one trainer; the first runs are the listed attacks in order, then at random."""
    before = _peak_bytes()
    case = _Case(index, rng, folder, checked)
    case.upload_honest()
    if index < len(LISTED):
        case.upload(LISTED[index], 'listed')
    elif index < len(LISTED) + len(OBJECTS):
        case.attack_object(list(OBJECTS)[index - len(LISTED)])
    else:
        for number in range(int(rng.integers(1, 4))):
            if rng.random() < 0.2:
                case.attack_object(list(OBJECTS)[int(rng.integers(len(OBJECTS)))], f'o{number}')
            elif rng.random() < 0.1:
                case.upload(LISTED[int(rng.integers(len(LISTED)))], f'l{number}')
            else:
                case.upload(at_random(rng), f'r{number}')
        case.damage_a_chunk()
    case.follow()
    case.start_again()
    grown = _peak_bytes() - before
    if grown > OWN_BYTES:
        case.wrong('memory over its limit', f'{grown >> 20} MiB more than before')
    return case.violations


class _Case:
    """One store and its trainer."""

    def __init__(
        self, index: int, rng: np.random.Generator, folder: Path, checked: Counter[str]
    ) -> None:
        self.rng, self.folder, self.checked = rng, folder, checked
        self.store = open_store(folder / 'store', create=True)
        self.violations: list[Violation] = []
        self.tried: list[str] = []
        self.must_be_read: set[str] = {'honest'}
        self.source = forge.SOURCES[index % len(forge.SOURCES)]
        self.now_s = 0.0
        self.events: list[str] = []
        self.out = folder / 'out'

    def wrong(self, rule: str, what: str) -> None:
        self.violations.append(Violation(rule, f'{", ".join(self.tried)}: {what}'))

    def upload_honest(self) -> None:
        target = self.folder / 'made' / 'honest'
        shutil.copytree(forge.fixture(self.source), target)
        upload_episode(self.store, target, 'honest', INTERFACE)

    def upload(self, attack: Attack, name: str) -> Path:
        """Forge an episode, another life than the honest one, and upload it."""
        self.tried.append(attack.name)
        self.checked[attack.name] += 1
        parts = _parts(self.source)
        _move(parts, len(self.tried))
        attack.parts(parts)
        path = forge.put_together(parts, self.folder / 'made', name, attack.file)
        upload_episode(self.store, path, 'foe', INTERFACE)
        if attack.harmless or attack in BOMBS:
            self.must_be_read.add(name)
        self._report(path)
        return path

    def damage_a_chunk(self) -> None:
        """Spoil the body of one chunk of an episode: the other chunks must be read."""
        self.tried.append('a damaged chunk')
        self.checked['a damaged chunk'] += 1
        parts = _parts(self.source)
        _move(parts, 99)
        path = forge.put_together(parts, self.folder / 'made', 'chunked')
        file = path / 'chunked.mcap'
        chunks = scan(file).chunks
        data = bytearray(file.read_bytes())
        lost = chunks[int(self.rng.integers(len(chunks)))]
        # Behind the head of the record: times, sizes, CRC, the word for its compression.
        low, high = lost.chunk_start_offset + 60, lost.chunk_start_offset + lost.chunk_length
        for at in self.rng.integers(low, high, 8):
            data[at] ^= 0xFF
        file.write_bytes(data)
        upload_episode(self.store, path, 'foe', INTERFACE)
        found = {chunk.chunk_start_offset for chunk in scan(file).chunks}
        due = {c.chunk_start_offset for c in chunks} - {lost.chunk_start_offset}
        if not due <= found:
            self.wrong('a byte lost that could be read', f'{len(due - found)} whole chunks')

    def attack_object(self, attack: str, name: str = 'object') -> None:
        """Change what lies in the store of an honest upload."""
        self.tried.append(attack)
        self.checked[attack] += 1
        path = self.folder / 'made' / name
        parts = _parts(self.source)
        _move(parts, len(self.tried))
        forge.put_together(parts, self.folder / 'made', name)
        upload_episode(self.store, path, 'foe', INTERFACE)
        there = next((self.folder / 'store').glob(f'**/{name}/complete.json')).parent
        OBJECTS[attack](there, self.rng)

    def follow(self) -> None:
        """Let a trainer settle everything, its parser killed now and then."""
        ingest = self._ingest()
        for _ in range(POLLS):
            ingest.look(self.store)
            while ingest.waiting:
                if self.rng.random() < 0.02 and _parser().pid:
                    self.checked['parser killed'] += 1
                    os.kill(_parser().pid, signal.SIGKILL)
                ingest.take(self.store)
            if not ingest.failing and not ingest.deferred:
                break
            self.now_s += POLL_SEC * 10
        else:
            self.wrong('not settled', f'{ingest.failing}')
        self._check(ingest)

    def start_again(self) -> None:
        """Damage the trainer's own files, as a failing disk does, and start it again."""
        before = {entry.key: entry.state for entry in self._ingest().ledger.entries.values()}
        name, damage = STATE[int(self.rng.integers(len(STATE)))]
        self.checked[name] += 1
        self.tried.append(name)
        damage(self.out, self.rng)
        ingest = self._ingest()
        after = {entry.key: entry.state for entry in ingest.ledger.entries.values()}
        if after != before:
            self.wrong('state lost', f'{before} became {after}')
        ingest.look(self.store)
        if ingest.waiting:
            self.wrong('settled twice', f'{[ref.uuid for ref in ingest.waiting]} again')

    def _ingest(self) -> Ingest:
        return Ingest(
            _parser().contract,
            self.out,
            CAPACITY,
            lambda event, **fields: self.events.append(event),
            clock=lambda: self.now_s,
            parser=_parser(),
        )

    def _check(self, ingest: Ingest) -> None:
        entries = {entry.uuid: entry for entry in ingest.ledger.entries.values()}
        for name in sorted(self.must_be_read):
            entry = entries.get(name)
            if entry is None or entry.state == 'refused':
                rule = 'an item blocked others' if name == 'honest' else 'a byte lost'
                self.wrong(rule, f'{name}: {entry}')
        for entry in entries.values():
            if entry.state == 'refused' and not entry.reason:
                self.wrong('not named', f'{entry.uuid} is refused without a reason')
            self.checked[entry.state] += 1
        held = ingest.replay.arrays['reward'][0, : min(ingest.replay.written, CAPACITY)]
        if np.abs(np.nan_to_num(held)).max(initial=0.0) > 1e6:
            self.wrong('odd numbers learned', 'a reward beyond 1e6 is in the replay')
        child = _memory_bytes(_parser().pid)
        if child > PARSER_BYTES + OWN_BYTES:
            self.wrong('memory over its limit', f'the parser took {child >> 20} MiB')
        if (self.out / 'reading').exists() or (self.out / 'parsed').exists():
            self.wrong('left behind', 'a mark or arrays of an episode that is settled')

    def _report(self, path: Path) -> None:
        """Read it as the report does, in this process."""
        try:
            episode_figures(path)
        except EpisodeError as error:
            if len(str(error)) > 2000 + len(str(path)):
                self.wrong('not named', 'an error repeats what it read')


def _parts(source: str) -> forge.Parts:
    """A fresh copy; reading the fixture once is enough."""
    cached = _cached(source)
    topics = [forge.TopicParts(t.name, t.type, t.qos, t.encoding) for t in cached.topics]
    end = None if cached.end is None else dict(cached.end)
    return forge.Parts(
        dict(cached.begin), end, topics, list(cached.messages), tick_topic=cached.tick_topic
    )


@functools.cache
def _cached(source: str) -> forge.Parts:
    return forge.take_apart(forge.fixture(source))


def _move(parts: forge.Parts, number: int) -> None:
    """Make another life of it: one reward differs."""
    parts.set_tick(parts.ticks()[-1], 'reward', 1.0 + number / 1000)


@functools.cache
def _parser() -> Parser:
    folder = Path(tempfile.mkdtemp(prefix='chaos_parser_'))
    contract = EpisodeReader(forge.fixture(forge.SOURCES[0])).contract
    parser = Parser(contract, folder / 'parsed', memory_bytes=PARSER_BYTES)

    def end() -> None:
        parser.close()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return parser


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _memory_bytes(pid: int) -> int:
    """The most that a process ever had in memory; 0 where there is none."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return 0
    peak = [line.split()[1] for line in status.splitlines() if line.startswith('VmHWM')]
    return int(peak[0]) * 1024 if peak else 0
