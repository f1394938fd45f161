# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The robot's bundles on its disk, and what is known of them: slots/SHA/ and slots/state.json.

Owns the state file (format 1, replaced atomically), what becomes of it when the agent swaps, and
the check that a slot is whole. A slot's name is the sha256 of its manifest, which holds those of
its other files: a slot proves itself. Must not import ROS or torch.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from world_model_ros.bundle.files import read_files
from world_model_ros.bundle.manifest import read_manifest
from world_model_ros.durable import write_atomic

STATE_FORMAT = 1
STATE_FILE = 'state.json'
LOCK_FILE = 'lock'
DAMAGED_SUFFIX = '.damaged'
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
MAX_HISTORY = 100  # releases whose times are kept


class SlotsError(ValueError):
    """The slots or their state cannot be used; the text says which file, why and what to do."""


@dataclass(frozen=True)
class Slot:
    """A bundle on this robot. Release 0 came with the robot, not from the store."""

    bundle_sha: str
    release: int
    bundle: str  # its directory


@dataclass
class Times:
    """When a release was published, ready here, and acting; ns since the epoch, 0: not yet."""

    release: int
    bundle_sha: str
    published_ns: int = 0
    ready_ns: int = 0
    acting_ns: int = 0


@dataclass
class State:
    """What must survive a restart. Every slot named here was verified and passed preflight."""

    acting: Slot | None = None
    previous: Slot | None = None
    candidate: Slot | None = None
    pinned: bool = False  # the candidate is the operator's word, whatever the store says
    bad: dict[str, str] = field(default_factory=dict)  # bundle_sha -> reason
    history: list[Times] = field(default_factory=list)  # oldest first

    def slots(self) -> list[Slot]:
        """All slots that are in use."""
        return [slot for slot in (self.acting, self.previous, self.candidate) if slot is not None]

    def times(self, slot: Slot) -> Times:
        """The times of a slot's release, entered now if they were not."""
        for entry in self.history:
            if (entry.release, entry.bundle_sha) == (slot.release, slot.bundle_sha):
                return entry
        self.history = [*self.history, Times(slot.release, slot.bundle_sha)][-MAX_HISTORY:]
        return self.history[-1]

    @property
    def offered(self) -> Slot | None:
        """What the agent shall take: the newest release that is verified, tried and not bad.

        None: it acts already, or there is none.
        """
        if self.candidate is not None:
            return self.candidate
        without = not self._good(self.acting)
        return self.previous if without and self._good(self.previous) else None

    def swapped(self, slot: Slot, now_ns: int) -> None:
        """The agent acts on this slot."""
        acting = self.acting
        if slot.release == 0 and self._good(acting):
            self.let_go()
        else:
            self.previous = None if acting and acting.bundle_sha in self.bad else acting
        self.acting = slot
        self.forget_candidate(slot.bundle_sha)
        self.times(slot).acting_ns = now_ns

    def let_go(self) -> None:
        """The agent began anew, without the acting slot: the newest two good ones stay at hand."""
        known = [slot for slot in (self.candidate, self.acting, self.previous) if slot is not None]
        pinned = self.candidate if self.pinned else None
        good = [slot for slot in dict.fromkeys(known) if slot is pinned or self._good(slot)]
        self.candidate, self.previous = (*good, None, None)[:2]
        self.acting = None

    def left(self, bundle_sha: str, reason: str) -> None:
        """The agent refused or left a bundle: it never comes back."""
        self.bad[bundle_sha] = reason
        self.forget_candidate(bundle_sha)
        if self.previous is not None and self.previous.bundle_sha == bundle_sha:
            self.previous = None
        if self.acting is not None and self.acting.bundle_sha == bundle_sha:
            self.acting, self.previous = self.previous, None

    def forget_candidate(self, bundle_sha: str) -> None:
        """This bundle waits for the agent no longer, if it did."""
        if self.candidate is not None and self.candidate.bundle_sha == bundle_sha:
            self.candidate, self.pinned = None, False

    def _good(self, slot: Slot | None) -> bool:
        """Whether a slot holds a release that may act."""
        return slot is not None and slot.release > 0 and slot.bundle_sha not in self.bad

    def to_json(self) -> dict[str, Any]:
        """As state.json holds it."""
        return {'format': STATE_FORMAT, **asdict(self)}


def slot_problems(folder: Path, bundle_sha: str) -> list[str]:
    """What keeps a folder from being the whole bundle of this name; empty when it is."""
    manifest, digest, problems = read_manifest(folder)
    if problems:
        return problems
    if digest != bundle_sha:
        return [f'{folder}: holds bundle {digest[:12]}…, expected {bundle_sha[:12]}…']
    return read_files(folder, manifest['files'])[1]


def read_state(root: Path) -> tuple[State, str]:
    """The state as it was left, and what had to be given up of it ('' if nothing).

    Raises:
        SlotsError: the state is of another format.
    """
    path = root / STATE_FILE
    try:
        state = _parse(json.loads(path.read_text()), path)
    except FileNotFoundError:
        return State(), ''
    except SlotsError:
        raise
    except _UNREADABLE as error:
        # Written atomically, so this is a broken disk or a stranger's hand: begin anew, keep it.
        aside = path.with_name(path.name + DAMAGED_SUFFIX)
        path.replace(aside)
        return State(), f'{path} was damaged ({error!r}), kept as {aside.name}; began anew'
    lost = []
    for name in ('acting', 'previous', 'candidate'):
        slot = getattr(state, name)
        problems = slot_problems(Path(slot.bundle), slot.bundle_sha) if slot else []
        if problems:
            setattr(state, name, None)
            lost.append(f'{name} slot {slot.bundle} is not whole: {problems[0]}')
    state.pinned = state.pinned and state.candidate is not None
    return state, '; '.join(lost)


def write_state(root: Path, state: State) -> None:
    """Replace state.json; OSError leaves the old one."""
    write_atomic(root / STATE_FILE, json.dumps(state.to_json(), indent=1).encode())


def remove_unused(root: Path, used: Collection[str]) -> None:
    """Delete the slots below `root`, whole or half fetched, that are not named."""
    for path in root.iterdir():
        if path.is_dir() and path.name.split('.')[0] not in used:
            shutil.rmtree(path, ignore_errors=True)


def _parse(content: Any, path: Path) -> State:
    number = content['format']
    if number != STATE_FORMAT:
        raise SlotsError(
            f'{path}: format {number!r}: this version reads format {STATE_FORMAT} only; update '
            'world_model_ros, or name another folder in parameter slots'
        )
    bad = {str(sha): str(reason) for sha, reason in content['bad'].items()}
    return State(
        acting=_slot(content['acting']),
        previous=_slot(content['previous']),
        candidate=_slot(content['candidate']),
        pinned=bool(content['pinned']),
        bad=bad,
        history=[Times(**entry) for entry in content['history']],
    )


def _slot(content: Any) -> Slot | None:
    if content is None:
        return None
    return Slot(str(content['bundle_sha']), int(content['release']), str(content['bundle']))
