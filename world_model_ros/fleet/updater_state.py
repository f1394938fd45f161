# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an updater remembers, format 2: which slots are in use, what is bad, what is newest.

Owns what becomes of it when the agent swaps, and the check of what comes back from the disk. Every
slot that is named as previous or candidate was verified and tried by this updater; one that only
the agent speaks of has no directory and is never offered. Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from world_model_ros.store.keys import is_sha256

STATE_FORMAT = 2
MAX_HISTORY = 100  # releases whose times are kept
# Each entry cost a download and a preflight: hundreds mean that something else is wrong. None is
# ever dropped, what is forgotten would be offered again; with a full list nothing new is taken.
MAX_BAD = 500
MAX_REASON = 500  # characters of a reason
MAX_INTERFACES = 32  # robot files under which these slots were used
MAX_NUMBER = 1 << 52


class StateError(ValueError):
    """The state is not what format 2 allows."""


@dataclass(frozen=True)
class Slot:
    """A bundle on this robot. Release 0 came with the robot, not from the store."""

    bundle_sha: str
    release: int
    bundle: str  # its directory; '' for one that only the agent knows of


@dataclass
class Times:
    """When a release was published, ready here, and acting; ns since the epoch, 0: not yet."""

    release: int
    bundle_sha: str
    published_ns: int = 0
    ready_ns: int = 0
    acting_ns: int = 0


@dataclass(frozen=True)
class Newest:
    """The highest number that was verified here, and whose it is: numbers only grow."""

    release: int
    bundle_sha: str


@dataclass
class State:
    """What must survive a restart and a damaged file."""

    acting: Slot | None = None
    previous: Slot | None = None
    candidate: Slot | None = None
    pinned: bool = False  # the candidate is the operator's word, whatever the store says
    bad: dict[str, str] = field(default_factory=dict)  # bundle_sha -> reason, oldest first
    history: list[Times] = field(default_factory=list)  # oldest first
    newest: dict[str, Newest] = field(default_factory=dict)  # by interface_hash

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

    @property
    def full(self) -> bool:
        """Whether no more can be remembered as bad; then nothing new is taken."""
        return len(self.bad) >= MAX_BAD

    def older(self, interface: str, release: int, bundle_sha: str) -> str:
        """Why a release may not come after what was here; '' if it may."""
        newest = self.newest.get(interface)
        if newest is None or release > newest.release:
            return ''
        if (release, bundle_sha) == (newest.release, newest.bundle_sha):
            return ''
        what = 'is another bundle than' if release == newest.release else 'is older than'
        return (
            f'release {release} {what} release {newest.release}, which was here: numbers only '
            'grow; publish it again, or call updater/start_over if this is another store'
        )

    def seen(self, interface: str, release: int, bundle_sha: str) -> None:
        """A release was verified: from now on nothing older is taken."""
        newest = self.newest.get(interface)
        if newest is None or release > newest.release:
            self.newest[interface] = Newest(release, bundle_sha)

    def swapped(self, slot: Slot, now_ns: int) -> None:
        """The agent acts on this slot."""
        acting = self.acting
        if slot.release == 0 and self._good(acting):
            self.let_go()
        else:
            kept = acting is not None and acting.bundle and acting.bundle_sha not in self.bad
            self.previous = acting if kept else None
        self.acting = slot
        self.forget_candidate(slot.bundle_sha)
        self.times(slot).acting_ns = now_ns

    def let_go(self) -> None:
        """The agent began again, without the acting slot: the newest two good ones are kept."""
        known = [slot for slot in (self.candidate, self.acting, self.previous) if slot is not None]
        pinned = self.candidate if self.pinned else None
        good = [slot for slot in dict.fromkeys(known) if slot is pinned or self._good(slot)]
        self.candidate, self.previous = (*good, None, None)[:2]
        self.acting = None

    def left(self, bundle_sha: str, reason: str) -> None:
        """A bundle failed here: it never comes back."""
        if len(self.bad) < MAX_BAD or bundle_sha in self.bad:
            self.bad[bundle_sha] = short(reason)
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
        """As it is kept."""
        return {'format': STATE_FORMAT, **asdict(self)}


def short(reason: str) -> str:
    """A reason of bounded length, printable ASCII: it is kept, uploaded and shown."""
    text = ' '.join(str(reason)[: 8 * MAX_REASON].replace('…', '...').split())
    text = ''.join(mark if mark.isprintable() else '?' for mark in text)
    text = text.encode('ascii', 'replace').decode()
    half = MAX_REASON // 2 - 3  # the beginning says where, the end says what
    return text if len(text) <= MAX_REASON else f'{text[:half]} ... {text[-half:]}'


def parse_state(content: Any) -> State:
    """A state as it was kept.

    Raises:
        StateError: it is none, of another format, or holds a value out of range.
    """
    if not isinstance(content, Mapping) or content.get('format') != STATE_FORMAT:
        raise StateError(f'format {_show(content)}, format {STATE_FORMAT} is read')
    wanted = set(State().to_json())
    if set(content) != wanted:
        raise StateError(f'fields {_show(sorted(set(content) ^ wanted))}')
    bad, history, newest = content['bad'], content['history'], content['newest']
    if not isinstance(bad, Mapping) or len(bad) > MAX_BAD:
        raise StateError('bad: expected a table of bundles')
    if not isinstance(history, list) or len(history) > MAX_HISTORY:
        raise StateError('history: expected a list of releases')
    if not isinstance(newest, Mapping) or len(newest) > MAX_INTERFACES:
        raise StateError('newest: expected a table of interfaces')
    if not isinstance(content['pinned'], bool):
        raise StateError('pinned: expected true or false')
    return State(
        acting=parse_slot(content['acting']),
        previous=parse_slot(content['previous']),
        candidate=parse_slot(content['candidate']),
        pinned=content['pinned'],
        bad={_sha(sha): short(_text(reason)) for sha, reason in bad.items()},
        history=[_times(entry) for entry in history],
        newest={_sha(key): _newest(entry) for key, entry in newest.items()},
    )


def parse_slot(content: Any) -> Slot | None:
    """A slot, or None for null; raises StateError."""
    if content is None:
        return None
    entry = _fields(content, ('bundle_sha', 'release', 'bundle'))
    return Slot(_sha(entry['bundle_sha']), _number(entry['release']), _text(entry['bundle']))


def _times(content: Any) -> Times:
    entry = _fields(content, ('release', 'bundle_sha', 'published_ns', 'ready_ns', 'acting_ns'))
    numbers = {key: _number(value, 1 << 63) for key, value in entry.items() if key[-3:] == '_ns'}
    return Times(_number(entry['release']), _sha(entry['bundle_sha']), **numbers)


def _newest(content: Any) -> Newest:
    entry = _fields(content, ('release', 'bundle_sha'))
    return Newest(_number(entry['release']), _sha(entry['bundle_sha']))


def _fields(content: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(content, Mapping) or set(content) != set(names):
        raise StateError(f'{_show(content)}: expected {", ".join(names)}')
    return content


def _number(value: Any, limit: int = MAX_NUMBER) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit:
        raise StateError(f'{_show(value)}: expected a number from 0 on')
    return value


def _sha(value: Any) -> str:
    if not is_sha256(value):
        raise StateError(f'{_show(value)}: expected 64 hexadecimal digits')
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 4096:
        raise StateError(f'{_show(value)}: expected a text')
    return value


def _show(value: Any) -> str:
    return short(repr(value)[:80])
