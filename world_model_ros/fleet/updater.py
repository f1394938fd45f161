# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The updater's state machine: from the store's newest release to a slot that may act.

Owns what is fetched, tried, kept and refused; the node around it owns topics and threads. State is
on disk before it is acted upon, and a slot appears there only when verified and tried: killed at
any moment, the next start finds the acting slot whole. Must not import ROS or torch.
"""

from __future__ import annotations

import copy
import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from world_model_ros.contract import find_robot, interface_hash, load_contract
from world_model_ros.fleet.attempts import MOST, Attempts
from world_model_ros.fleet.preflight import Verdict, run_preflight
from world_model_ros.fleet.slots import (
    LOCK_FILE,
    Slot,
    SlotsError,
    State,
    read_state,
    remove_unused,
    slot_problems,
    write_state,
)
from world_model_ros.fleet.status import Status
from world_model_ros.store import (
    Release,
    StoreDamaged,
    StoreError,
    fetch_release,
    latest_release,
    open_store,
)
from world_model_ros.store.layout import STORE_FORMAT, status_key, to_json


class Updater:
    """Follows one robot's releases. `poll` belongs to one thread, the rest to any."""

    def __init__(
        self,
        store_url: str | Path,
        contract: str | Path,
        slots: Path | str,
        *,
        robot_id: str = '',
        preflight: Callable[[Path], Verdict] | None = None,
        on_status: Callable[[Status], None] = lambda status: None,
        now_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take over the slots.

        Args:
            store_url: of the store; it need not be there yet.
            contract: of this robot, a shipped name or a path.
            slots: folder of the slots; made if it is not there.
            robot_id: under which status documents go to the store; none without it.
            preflight: tries a bundle; run_preflight with this contract by default.
            on_status: is told of every change of `status`, in the thread of poll().
            now_ns: the wall clock.
            clock: a steady one in seconds, for pauses.

        Raises:
            SlotsError: the slots are another updater's, or their state is of another format.
            ContractError, StoreError, OSError: contract, URL or folder cannot be used.
        """
        self._file = find_robot(contract)
        self.interface_hash = interface_hash(load_contract(self._file))
        self._store = open_store(store_url)
        self._root = Path(slots).expanduser().resolve()
        self._preflight = preflight or (lambda bundle: run_preflight(bundle, self._file))
        self._on_status, self._now_ns, self._robot_id = on_status, now_ns, robot_id
        self._mutex = RLock()
        self._root.mkdir(parents=True, exist_ok=True)
        self._lock = (self._root / LOCK_FILE).open('w')
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SlotsError(
                f'{self._root}: another updater uses these slots; give each robot its own folder '
                'in parameter slots'
            ) from None
        self._state, self.notice = read_state(self._root)
        self.status = Status('idle')
        self._reported = b''
        self._attempts = Attempts(clock)
        self._fetching = ''  # bundle_sha that poll() is at work on
        self._superseded = ''  # the agent may swap to what it was handed before it heard of more

    @property
    def state(self) -> State:
        """A copy of what is on disk."""
        with self._mutex:
            return copy.deepcopy(self._state)

    @property
    def offered(self) -> Slot | None:
        """What the agent shall take, if anything, whether or not the store is there."""
        with self._mutex:
            return self._state.offered

    def close(self) -> None:
        """Let the slots go."""
        self._lock.close()

    def poll(self) -> Status:
        """Follow the newest release as far as it goes now; never raises for store or disk."""
        try:
            status = self._follow()
        except StoreDamaged as error:
            status = self._about('refused', error)
        except OSError as error:  # StoreError among them
            status = self._about('unreachable', error)
        finally:
            self._fetching = ''
        self._say(status)
        self._report()
        return status

    def swapped(self, bundle_sha: str, release: int = 0, bundle: str | Path = '') -> None:
        """The agent says what acts now, with its release and directory if not from a slot here.

        Raises:
            OSError: the state cannot be written; nothing changed.
        """
        with self._changed() as state:
            acting = state.acting
            if acting is not None and acting.bundle_sha == bundle_sha:
                state.forget_candidate(bundle_sha)  # the agent may have gone back by itself
                return
            known = {slot.bundle_sha: slot for slot in state.slots()}
            slot = known.get(bundle_sha) or Slot(bundle_sha, release, str(bundle))
            state.swapped(slot, self._now_ns())
        self._clean()

    def acts_on_nothing(self) -> None:
        """The agent says that it has no model: it started anew, or never had one.

        Raises:
            OSError: the state cannot be written; nothing changed.
        """
        with self._changed() as state:
            state.let_go()
        self._clean()

    def rolled_back(self, bundle_sha: str, reason: str) -> None:
        """The agent refused or left a bundle: it never comes back.

        Raises:
            OSError: the state cannot be written; nothing changed.
        """
        with self._changed() as state:
            state.left(bundle_sha, reason)
        self._clean()

    def rollback(self) -> Slot:
        """The operator's word: the slot before this one, ready to be handed to the agent.

        Raises:
            SlotsError: there is none.
            OSError: the state cannot be written; nothing changed.
        """
        with self._changed() as state:
            if state.previous is None:
                raise SlotsError('no previous bundle to roll back to')
            if state.acting is not None:
                state.bad[state.acting.bundle_sha] = "rolled back: the operator's word"
            state.bad.pop(state.previous.bundle_sha, None)
            state.candidate, state.pinned = state.previous, True
        assert state.candidate is not None
        self._say(_ready(state.candidate))
        return state.candidate

    def _follow(self) -> Status:
        with self._mutex:
            state = self._state
            if state.pinned and state.candidate is not None:
                return _ready(state.candidate)
        release = latest_release(self._store, self.interface_hash)
        if release is None:
            return Status('idle', reason=f'no release for {self._file.name} in the store yet')
        slot = Slot(release.bundle_sha, release.number, str(self._root / release.bundle_sha))
        for known in state.slots():
            if known.bundle_sha == slot.bundle_sha and known is not state.candidate:
                slot = known  # it passed before, and may lie outside the slots
        if slot.bundle_sha in state.bad:
            return Status('refused', slot.release, slot.bundle_sha, state.bad[slot.bundle_sha])
        if state.acting is not None and state.acting.bundle_sha == slot.bundle_sha:
            self._withdraw()
            return Status('acting', slot.release, slot.bundle_sha)
        if slot not in state.slots():
            self._fetching = slot.bundle_sha
            if reason := self._attempts.waiting(slot.bundle_sha):
                return Status('preflight', slot.release, slot.bundle_sha, reason)
            verdict = self._fetch(release, slot)
            if not verdict.ok:
                return self._failed(slot, verdict)
        with self._changed() as state:
            if state.pinned and state.candidate is not None:  # said while this one was fetched
                return _ready(state.candidate)
            if slot.bundle_sha in state.bad:  # so may be this, and the agent may have
                return Status('refused', slot.release, slot.bundle_sha, state.bad[slot.bundle_sha])
            if state.acting is not None and state.acting.bundle_sha == slot.bundle_sha:
                return Status('acting', slot.release, slot.bundle_sha)
            if state.candidate is not None and state.candidate != slot:
                self._superseded = state.candidate.bundle_sha
            state.candidate = slot
            times = state.times(slot)
            times.published_ns = release.published_ns
            times.ready_ns = times.ready_ns or self._now_ns()
        self._clean()
        return _ready(slot)

    def _fetch(self, release: Release, slot: Slot) -> Verdict:
        """Bring a release into its slot and try it; raises StoreError and OSError."""
        about = (slot.release, slot.bundle_sha)
        self._say(Status('downloading', *about))
        folder = fetch_release(self._store, release, slot.bundle)
        self._say(Status('verifying', *about))
        problems = slot_problems(folder, slot.bundle_sha)  # once more, from its final place
        if problems:
            return Verdict(problems)
        self._say(Status('preflight', *about))
        return self._preflight(folder)

    def _failed(self, slot: Slot, verdict: Verdict) -> Status:
        """Bad for good, unless it may have been the machine."""
        about, reason = (slot.release, slot.bundle_sha), verdict.reason
        if not verdict.final:
            if self._attempts.failed(slot.bundle_sha, reason):
                return Status('preflight', *about, self._attempts.waiting(slot.bundle_sha))
            reason = f'{reason}; the last of {MOST} attempts'
        self._fetching = ''
        self.rolled_back(slot.bundle_sha, reason)
        return Status('refused', *about, reason)

    def _withdraw(self) -> None:
        """The newest release acts: whatever waited for the agent is an older one."""
        if self._state.candidate is not None:
            with self._changed() as state:
                if state.candidate is not None and not state.pinned:
                    self._superseded, state.candidate = state.candidate.bundle_sha, None

    def _about(self, state: str, error: OSError) -> Status:
        """A failure, said of the release that was under way."""
        busy = self.status.state in ('downloading', 'verifying', 'preflight')
        number, sha = (self.status.release, self.status.bundle_sha) if busy else (0, '')
        return Status(state, number, sha, str(error))

    def _say(self, status: Status) -> None:
        if status != self.status:
            self.status = status
            self._on_status(status)

    @contextmanager
    def _changed(self) -> Iterator[State]:
        """A copy to change; it counts once it is on disk."""
        with self._mutex:
            state = copy.deepcopy(self._state)
            yield state
            if state != self._state:
                write_state(self._root, state)
                self._state = state

    def _clean(self) -> None:
        with self._mutex:
            used = {slot.bundle_sha for slot in self._state.slots()}
        remove_unused(self._root, used | {self._fetching, self._superseded})

    def _report(self) -> None:
        """Tell the store, once for every change; what fails is told with the next poll."""
        if not self._robot_id:
            return
        state, status = self.state, self.status
        record: dict[str, Any] = {
            **state.to_json(),
            'format': STORE_FORMAT,
            'newest_bad': next(reversed(state.bad), ''),
            'robot_id': self._robot_id,
            'state': status.state,
            'reason': status.reason,
        }
        content = to_json(record)
        if content == self._reported or status.state == 'unreachable':
            return
        try:
            self._store.put(status_key(self._robot_id, 'updater'), content)
        except StoreError:
            return
        self._reported = content


def _ready(slot: Slot) -> Status:
    return Status('ready', slot.release, slot.bundle_sha)
