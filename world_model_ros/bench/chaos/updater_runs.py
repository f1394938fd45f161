# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Attacks the updater: its store, its slots, its memory, and what is said in the agent's name.

One run is one robot that follows one store while somebody is at both. After every step the rules
are checked: nothing raises, only what was tried is offered, what is bad stays bad, numbers only
grow, nothing foreign changes, memory stays within its limit. In the end the store is put right and
the next release must come through. Must not import ROS or torch.
"""

from __future__ import annotations

import hashlib
import os
import resource
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from world_model_ros.bench.chaos import updater_attacks as attacks
from world_model_ros.bench.chaos.runs import Violation
from world_model_ros.bench.chaos.updater_bundles import HOSTILE, contract_text, sound
from world_model_ros.bench.chaos.updater_rows import ROWS
from world_model_ros.contract import interface_hash, load_contract
from world_model_ros.fleet.agent_word import read_word
from world_model_ros.fleet.preflight import run_preflight
from world_model_ros.fleet.slot import SlotsError, slot_problems, vouched
from world_model_ros.fleet.updater import Updater
from world_model_ros.fleet.updater_state import MAX_BAD
from world_model_ros.fleet.verdict import Verdict
from world_model_ros.releases import Release, publish_release
from world_model_ros.store import open_store

OWN_BYTES = 200 << 20  # more than before a run, of this process
CHILD_BYTES = (1 << 30) + (400 << 20)  # a preflight: its limit and its libraries
LARGEST_FILE = 6_000_000  # of a bundle, on the robot's disk
STEPS = (4, 11)
REAL_SHARE = 0.1  # of sound releases that get the real preflight


class Case:
    """One robot, one store, and what must hold of them."""

    def __init__(self, folder: Path, rng: np.random.Generator, checked: Counter[str]) -> None:
        self.folder, self.rng, self.checked = folder, rng, checked
        self.found: list[Violation] = []
        self.contract = folder / 'robot.yaml'
        self.contract.write_text(contract_text())
        self.interface = interface_hash(load_contract(self.contract))
        self.store = open_store(folder / 'store', create=True)
        self.store_folder, self.slots = folder / 'store', folder / 'slots'
        self.now_s = 0.0
        self.hostile: set[str] = set()  # bundles that the real preflight must judge
        self.tried: set[str] = set()  # what preflight found no fault in
        self.bad: set[str] = set()
        self.newest = 0  # the highest number that was ever ready
        self.maimed: set[str] = set()  # slots that somebody was at
        self.foreign: dict[str, bytes] = {}  # content of files that are not ours, by name
        self.lost = False  # both copies of the state were damaged
        self.bundles = 0
        self.updater: Updater | None = None
        attacks.put_foreign(self, folder / 'outside')

    def wrong(self, rule: str, what: str) -> None:
        """Note a violation."""
        self.found.append(Violation(rule, what))

    def bundle(self, hostile: str = '') -> Path:
        """Another bundle."""
        self.bundles += 1
        path = sound(self.folder / f'bundle{self.bundles}', f'bundle {self.bundles}')
        if hostile:
            HOSTILE[hostile](path, self.rng)
            self.hostile.add(_digest(path))
        return path

    def publish(self, hostile: str = '') -> Release | None:
        """Publish another bundle, as far as somebody's damage lets it."""
        path = self.bundle(hostile)
        self.checked[f'published: {hostile or "sound"}'] += 1
        try:
            return publish_release(self.store, path, self.interface)
        except OSError:
            attacks.mend_store(self)
            return publish_release(self.store, path, self.interface)

    def start(self) -> bool:
        """Start the updater; False if it refuses the folder."""
        if self.updater is not None:
            self.updater.close()
        try:
            self.updater = Updater(
                self.store.url,
                self.contract,
                self.slots,
                robot_id='r',
                preflight=self.preflight,
                clock=lambda: self.now_s,
            )
        except (SlotsError, OSError) as error:
            self.updater = None
            self.checked['start refused'] += 1
            if not str(error).strip():
                self.wrong('refused without a reason', repr(error))
            return False
        return True

    def preflight(self, bundle: Path) -> Verdict:
        """The real one for what may be hostile, a quick one for most sound bundles."""
        digest = _digest(bundle)
        if digest in self.hostile or self.rng.random() < REAL_SHARE:
            verdict = run_preflight(bundle, self.contract, timeout_s=100)
            self.checked['real preflight'] += 1
        else:
            failed = self.rng.random() < 0.2
            verdict = Verdict(['made to fail'] if failed else [], final=self.rng.random() < 0.7)
        if verdict.ok:
            self.tried.add(digest)
        elif verdict.final:
            self.bad.add(digest)
        return verdict

    def passes(self, bundle: Path) -> Verdict:
        """A preflight that finds no fault."""
        self.tried.add(_digest(bundle))
        return Verdict([])

    def poll(self) -> None:
        """One look at the store, and every rule."""
        assert self.updater is not None
        self.now_s += float(self.rng.choice([0.1, 1.0, 20.0, 400.0]))
        try:
            status = self.updater.poll()
        except Exception as error:  # noqa: BLE001 - what the injector is looking for
            self.wrong('process ended', f'poll: {error!r}')
            return
        self.checked[f'state: {status.state}'] += 1
        state = self.updater.state
        if status.state == 'ready' and not state.pinned:
            if status.bundle_sha in self.bad:
                self.wrong('known-bad ready again', status.bundle_sha)
            if status.release < self.newest:
                self.wrong('older than the newest', f'{status.release} after {self.newest}')
            self.newest = max(self.newest, status.release)
        if status.state == 'refused' and not status.reason:
            self.wrong('refused without a reason', repr(status))
        self.check()

    def check(self) -> None:
        """The rules that hold at any moment."""
        assert self.updater is not None
        offered, state = self.updater.offered, self.updater.state
        if offered is not None:
            if self.updater._memory.lost:
                self.wrong('offered without a memory', offered.bundle)
            if offered.bundle_sha not in self.tried:
                self.wrong('unverified bundle offered', repr(offered))
            elif offered.bundle_sha not in self.maimed:
                if slot_problems(Path(offered.bundle), offered.bundle_sha):
                    self.wrong('unverified bundle offered', f'not whole: {offered}')
                elif vouched(offered.bundle, self.slots) != offered.bundle_sha:
                    self.wrong('unverified bundle offered', f'not vouched for: {offered}')
            if offered.bundle_sha in self.bad and not state.pinned:
                self.wrong('known-bad offered', offered.bundle_sha)
        for slot in (state.previous, state.candidate):
            if slot is not None and slot.bundle_sha not in self.tried:
                self.wrong('unverified bundle kept', repr(slot))
        if len(state.bad) > MAX_BAD:
            self.wrong('bad list without bounds', str(len(state.bad)))
        for path, _, names in os.walk(self.slots):
            large = [n for n in names if (Path(path) / n).lstat().st_size > LARGEST_FILE]
            if large:
                self.wrong('more fetched than the record says', f'{path}: {large}')
        self.check_foreign()

    def check_foreign(self) -> None:
        """Every file that is not ours is there with its content, perhaps in a renamed folder."""
        left = Counter(self.foreign.values())
        left.subtract(
            path.read_bytes()
            for path in self.folder.rglob('*')
            if path.is_file() and not path.is_symlink() and path.name.startswith('foreign')
        )
        gone = [name for name, content in self.foreign.items() if left[content] > 0]
        if gone:
            self.wrong('deleted outside of our own', ', '.join(gone[:3]))

    def hear(self, text: str) -> None:
        """A message in the agent's name, as the node takes it in."""
        assert self.updater is not None
        try:
            word = read_word(text)
        except ValueError:
            self.checked['message refused'] += 1
            return
        self.checked['message taken'] += 1
        for named in (word.rolled_back, word.candidate):
            left = named is not None and named.state in ('', 'refused')
            if named and left and self.updater.rolled_back(named.bundle_sha, named.reason):
                self.bad.add(named.bundle_sha)
        if word.acting is None:
            self.updater.acts_on_nothing()
        else:
            self.updater.swapped(word.acting.bundle_sha)

    def end(self) -> None:
        """The store is put right; the next sound release must come through."""
        if self.updater is None:
            return
        attacks.mend_store(self)
        if self.updater._memory.lost:
            if self.updater.poll().state != 'refused':
                self.wrong('no word of the loss', repr(self.updater.status))
            self.updater.start_over()
        release = publish_release(self.store, self.bundle(), self.interface)
        self.updater.trial.preflight = self.passes
        for _ in range(3):
            status = self.updater.poll()
            if status.state == 'ready' and self.updater.state.pinned:
                self.updater.swapped(status.bundle_sha)
        if (status.state, status.release) != ('ready', release.number):
            self.wrong('an item that blocked others', f'{release.number}: {status}')
        self.check()
        self.updater.close()


def one_run(
    index: int, rng: np.random.Generator, folder: Path, checked: Counter[str]
) -> list[Violation]:
    """Attack one robot; the first runs are the hand-written rows, the others are drawn."""
    before, biggest = _rss_bytes(), _biggest_child_bytes()
    case = Case(folder, rng, checked)
    rows: list[tuple[str, Callable[[Case], None]]] = list(ROWS.items())
    if index < len(rows):
        name, row = rows[index]
        checked[f'row: {name}'] += 1
        row(case)
    elif case.start():
        case.publish()
        for _ in range(int(rng.integers(*STEPS))):
            attacks.step(case)
            if case.updater is None:
                break
            case.poll()
    case.end()
    grown = _rss_bytes() - before
    if grown > OWN_BYTES:
        case.wrong('memory over its limit', f'{grown >> 20} MiB')
    child = _biggest_child_bytes()
    if child > max(CHILD_BYTES, biggest):  # one of before is not of this run
        case.wrong('memory over its limit', f'a preflight had {child >> 20} MiB')
    return case.found


def _biggest_child_bytes() -> int:
    """What the biggest process had that this one started and that has ended, ever."""
    return 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def _rss_bytes() -> int:
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize()


def _digest(bundle: Path) -> str:
    return hashlib.sha256((bundle / 'manifest.json').read_bytes()).hexdigest()
