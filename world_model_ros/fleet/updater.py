# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The updater's state machine: from the store's newest release to a slot that may act.

Owns what is tried, kept and refused; trial.py owns one try, the node topics and threads. State is
on disk before it is acted upon, and a slot appears there only when verified and tried: killed at
any moment, the next start finds the acting slot whole. Only slots that were tried here are ever
offered, whatever the agent says. Must not import ROS or torch.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from world_model_ros.contract import find_robot, interface_hash, load_contract
from world_model_ros.fleet.failed_releases import MOST, Attempts
from world_model_ros.fleet.memory import Memory
from world_model_ros.fleet.preflight import run_preflight
from world_model_ros.fleet.slot import SlotsError
from world_model_ros.fleet.status_report import StatusReport
from world_model_ros.fleet.trial import Trial
from world_model_ros.fleet.updater_state import MAX_BAD, Slot, State, short
from world_model_ros.fleet.updater_status import BUSY, Status, UpdaterState
from world_model_ros.fleet.verdict import Verdict
from world_model_ros.releases import latest_release
from world_model_ros.store import StoreDamaged, open_store


class Updater:
    """Follows one robot's releases. `poll` belongs to one thread, the rest to any."""

    def __init__(
        self,
        store_url: str | Path,
        contract: str | Path,
        slots: Path | str,
        *,
        robot_id: str = '',
        shipped: Path | str = '',
        preflight: Callable[[Path], Verdict] | None = None,
        on_status: Callable[[Status], None] = lambda status: None,
        now_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take over the slots.

        Args:
            store_url: of the store; it need not be there yet.
            contract: of this robot, a shipped name or a path.
            slots: folder of the slots: empty, new, or an updater's.
            robot_id: under which status documents go to the store; none without it.
            shipped: directory of the bundle that came with the robot, '' for none. The agent
                may go back to it.
            preflight: tries a bundle; run_preflight with this contract by default.
            on_status: receives every change of `status`, in the thread of poll().
            now_ns: the wall clock.
            clock: a steady one in seconds, for pauses.

        Raises:
            SlotsError: the slots are another updater's, or hold what is not ours.
            ContractError, StoreError, OSError: contract, URL or folder cannot be used.
        """
        self._file = find_robot(contract)
        self.interface_hash = interface_hash(load_contract(self._file))
        self._store = open_store(store_url)
        self._on_status, self._now_ns = on_status, now_ns
        self._mutex = RLock()
        self._memory = Memory(slots, self.interface_hash, shipped)
        self._slots = self._memory.slots
        try_it = preflight or (lambda bundle: run_preflight(bundle, self._file))
        self.trial = Trial(self._store, self._slots, try_it, self._say)
        self._report = StatusReport(self._store, robot_id)
        self.status = Status(UpdaterState.IDLE)
        self._attempts = Attempts(clock)
        self._fetching = ''  # bundle_sha that poll() is at work on
        self._superseded = ''  # the agent may swap to what it was handed before it heard of more

    @property
    def state(self) -> State:
        """A copy of what is on disk."""
        with self._mutex:
            return copy.deepcopy(self._memory.state)

    @property
    def notice(self) -> str:
        """What is wrong with what this updater remembers; '' usually."""
        return self._memory.lost or self._memory.problem

    @property
    def offered(self) -> Slot | None:
        """What the agent shall take, if anything, whether or not the store is there."""
        with self._mutex:
            return None if self._memory.lost else self._memory.state.offered

    def close(self) -> None:
        """Let the slots go."""
        self._slots.close()

    def poll(self) -> Status:
        """Follow the newest release as far as it goes now; never raises for store or disk."""
        try:
            status = self._follow()
        except StoreDamaged as error:
            status = self._damaged(str(error))
        except OSError as error:  # StoreError among them
            status = self._about(UpdaterState.UNREACHABLE, str(error))
        except Exception as error:  # noqa: BLE001 - a release comes from outside: it settles
            status = self._damaged(f'cannot be handled: {error!r}')
        finally:
            self._fetching = ''
        self._say(status)
        self._report.send(self.state, self.status)
        return status

    def look_now(self) -> None:
        """The operator asks: a release that waits to be tried again need not."""
        self._attempts.now()

    def swapped(self, bundle_sha: str) -> None:
        """The agent says what acts now. What was not tried here is noted, and never offered.

        Raises:
            OSError: the state cannot be written; nothing changed.
        """
        with self._changed() as state:
            acting = state.acting
            if acting is not None and acting.bundle_sha == bundle_sha:
                state.forget_candidate(bundle_sha)  # the agent may have gone back by itself
                return
            known = {slot.bundle_sha: slot for slot in state.slots()}
            slot = known.get(bundle_sha) or self._memory.tried(bundle_sha)
            state.swapped(slot or Slot(bundle_sha, 0, ''), self._now_ns())
        self._clean()

    def acts_on_nothing(self) -> None:
        """The agent says that it has no model: it was started again, or never had one.

        Raises:
            OSError: the state cannot be written; nothing changed.
        """
        with self._changed() as state:
            state.let_go()
        self._clean()

    def rolled_back(self, bundle_sha: str, reason: str) -> bool:
        """The agent refused or left a bundle: it never comes back.

        Returns:
            Whether it counts: only what this updater has handed over can be left.

        Raises:
            OSError: the state cannot be written; nothing changed.
        """
        with self._changed() as state:
            handed = {slot.bundle_sha for slot in state.slots() if slot.bundle}
            if bundle_sha not in handed | {self._superseded} - {''}:
                return False
            state.left(bundle_sha, reason)
        self._clean()
        return True

    def rollback(self) -> Slot:
        """The operator's word: the slot before this one, ready to be handed to the agent.

        Raises:
            SlotsError: there is none.
            OSError: the state cannot be written; nothing changed.
        """
        if self._memory.lost:
            raise SlotsError(self._memory.lost)
        with self._changed() as state:
            if state.previous is None:
                raise SlotsError('no previous bundle to roll back to')
            state.bad.pop(state.previous.bundle_sha, None)
            if state.acting is not None:
                if state.full:
                    raise SlotsError('the bad list is full; call updater/start_over first')
                state.bad[state.acting.bundle_sha] = "rolled back: the operator's word"
            state.candidate, state.pinned = state.previous, True
        assert state.candidate is not None
        self._say(_ready(state.candidate))
        return state.candidate

    def start_over(self) -> str:
        """The operator's word after a loss, or for another store; what was forgotten.

        Raises:
            OSError: the state cannot be written; nothing changed.
        """
        with self._mutex:
            return self._memory.start_over()

    def _follow(self) -> Status:
        if self._memory.lost:
            return Status(UpdaterState.REFUSED, reason=self._memory.lost)
        with self._mutex:
            state = self._memory.state
            if state.pinned and state.candidate is not None:
                return _ready(state.candidate)
        release = latest_release(self._store, self.interface_hash)
        if release is None:
            return Status(
                UpdaterState.IDLE, reason=f'no release for {self._file.name} in the store yet'
            )
        sha, number = release.bundle_sha, release.number
        slot = Slot(sha, number, str(self._slots.bundle(sha)))
        for known in state.slots():
            if known.bundle_sha == sha and known.bundle and known is not state.candidate:
                slot = known  # it passed before, and may lie outside the slots
        if reason := state.bad.get(sha, '') or state.older(self.interface_hash, number, sha):
            return Status(UpdaterState.REFUSED, number, sha, reason)
        if state.acting is not None and state.acting.bundle_sha == sha:
            self._withdraw(number, sha)
            return Status(UpdaterState.ACTING, number, sha)
        if state.full:
            reason = f'{MAX_BAD} bundles are on the bad list: call updater/start_over'
            return Status(UpdaterState.REFUSED, number, sha, reason)
        if slot not in state.slots():
            self._fetching = sha
            waits, reason = self._attempts.waiting(sha)
            if waits:
                return Status(waits, number, sha, reason)
            verdict = self.trial.of(release, slot)
            if not verdict.ok:
                return self._failed(slot, verdict)
        with self._changed() as state:
            if state.pinned and state.candidate is not None:  # said while this one was fetched
                return _ready(state.candidate)
            if sha in state.bad:  # so may be this, and the agent may have
                return Status(UpdaterState.REFUSED, number, sha, state.bad[sha])
            if state.acting is not None and state.acting.bundle_sha == sha:
                return Status(UpdaterState.ACTING, number, sha)
            if state.candidate is not None and state.candidate != slot:
                self._superseded = state.candidate.bundle_sha
            state.candidate = slot
            state.seen(self.interface_hash, number, sha)
            times = state.times(slot)
            times.published_ns = release.published_ns
            times.ready_ns = times.ready_ns or self._now_ns()
        self._clean()
        return _ready(slot)

    def _failed(self, slot: Slot, verdict: Verdict) -> Status:
        """Bad for good, unless it may have been the machine."""
        about, reason = (slot.release, slot.bundle_sha), short(verdict.reason)
        if not verdict.final:
            if self._attempts.failed(slot.bundle_sha, reason):
                return Status(
                    UpdaterState.PREFLIGHT, *about, self._attempts.waiting(slot.bundle_sha)[1]
                )
            reason = f'{reason}; the last of {MOST} attempts'
        self._fetching = ''
        with self._changed() as state:
            state.left(slot.bundle_sha, reason)
            state.seen(self.interface_hash, slot.release, slot.bundle_sha)
        self._clean()
        return Status(UpdaterState.REFUSED, *about, short(reason))

    def _withdraw(self, number: int, sha: str) -> None:
        """The newest release acts: whatever waited for the agent is an older one."""
        with self._changed() as state:
            state.seen(self.interface_hash, number, sha)
            if state.candidate is not None and not state.pinned:
                self._superseded, state.candidate = state.candidate.bundle_sha, None

    def _damaged(self, reason: str) -> Status:
        """A release that is not what its record says; not fetched again at once."""
        if self._fetching:
            self._attempts.damaged(self._fetching, short(reason))
            reason = self._attempts.waiting(self._fetching)[1]
        return self._about(UpdaterState.REFUSED, short(reason))

    def _about(self, state: UpdaterState, reason: str) -> Status:
        """A failure, said of the release that was under way."""
        busy = self.status.state in BUSY
        number, sha = (self.status.release, self.status.bundle_sha) if busy else (0, '')
        return Status(state, number, sha, reason)

    def _say(self, status: Status) -> None:
        if status != self.status:
            self.status = status
            self._on_status(status)

    @contextmanager
    def _changed(self) -> Iterator[State]:
        """A copy to change; it counts once it is on disk. Without a memory nothing counts."""
        with self._mutex:
            state = copy.deepcopy(self._memory.state)
            yield state
            if not self._memory.lost and state != self._memory.state:
                self._memory.save(state)

    def _clean(self) -> None:
        with self._mutex:
            if self._memory.lost:
                return  # what was in use is not known
            used = {slot.bundle_sha for slot in self._memory.state.slots()}
            self._slots.remove_unused(used | {self._fetching, self._superseded})


def _ready(slot: Slot) -> Status:
    return Status(UpdaterState.READY, slot.release, slot.bundle_sha)
