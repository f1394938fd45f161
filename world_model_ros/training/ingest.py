# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the store into replay: every complete episode once, one in ten never.

Owns the order of writing that makes "once" hold through kills: replay (which carries the newest
episode's name), then the ledger. Held-out episodes lie as arrays beside the replay. Must not
import torch, ROS or a simulator.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

from mcap.exceptions import McapError

from world_model_ros.contract import Contract, ContractError
from world_model_ros.experience import (
    EpisodeError,
    EpisodeReader,
    load_arrays,
    save_arrays,
    to_arrays,
)
from world_model_ros.store import EpisodeRef, Store
from world_model_ros.store.episodes import download_episode, list_episodes
from world_model_ros.store.files import STAGING_SUFFIX
from world_model_ros.training.disk import Free, check_room, free_bytes
from world_model_ros.training.ledger import Entry, Ledger
from world_model_ros.training.pieces import Rows, Unserviceable, check_serves, learnable
from world_model_ros.training.replay import Replay

HELD_OUT_SHARE = 0.1
HELD_OUT_KEPT = 32  # episodes on disk; the gate looks at the newest few
FIRST_RETRY_SEC, LAST_RETRY_SEC = 2.0, 300.0
# An upload is done by then; what has no complete.json for longer is said to be half copied.
UPLOAD_SEC = 60.0
# What a file that is not what it says can raise while it is read; all of it refuses the episode.
UNREADABLE = (
    EpisodeError,
    ContractError,
    McapError,
    Unserviceable,
    ValueError,
    LookupError,
    TypeError,
)
Say = Callable[..., None]


class Ingest:
    """Follows a store for one contract; ``folder`` holds replay, held-out episodes and ledger.

    ``say(event, **fields)`` is told what happened, once per event.

    Raises:
        ValueError: the folder holds replay or ledger of another format.
    """

    def __init__(
        self,
        contract: Contract,
        folder: Path,
        capacity: int,
        say: Say,
        held_out_share: float = HELD_OUT_SHARE,
        clock: Callable[[], float] = time.monotonic,
        free: Free = free_bytes,
    ) -> None:
        self.contract, self.folder, self.say = contract, Path(folder), say
        self.share, self.clock, self.free = held_out_share, clock, free
        self.folder.mkdir(parents=True, exist_ok=True)
        self.replay = Replay(self.folder / 'replay', contract, 1, capacity)
        self.ledger = Ledger(self.folder / 'ledger.jsonl')
        self.incoming = self.folder / 'incoming'
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.held_out_folder = self.folder / 'held_out'
        self.held_out_folder.mkdir(exist_ok=True)
        self.waiting: list[EpisodeRef] = []
        self.failing: dict[str, tuple[str, float, float]] = {}  # uuid: reason, not before, pause
        self.half_copied: set[str] = set()  # keys in the store
        self._begun: dict[str, float] = {}  # key: when it was first seen without complete.json
        self._adopt()

    def _adopt(self) -> None:
        """Enter what a kill or a full disk left in replay but not in the ledger."""
        if self.replay.note:
            entry = Entry(**json.loads(self.replay.note))
            if entry.uuid not in self.ledger.entries:
                self.replay.save()
                self.ledger.settle(entry)

    @property
    def ticks(self) -> int:
        """Return the ticks ever ingested; more than are held once the replay wrapped."""
        return self.replay.written

    def look(self, store: Store) -> None:
        """List what is new in the store; of other interfaces, too: messages are what counts.

        Raises:
            StoreError: the store cannot be read.
        """
        now = self.clock()
        known = self.ledger.entries
        complete, begun = list_episodes(store)
        self._wait_for(begun, now)
        self._give_up({ref.uuid for ref in complete})
        found = [
            ref
            for ref in complete
            if ref.uuid not in known and self.failing.get(ref.uuid, ('', 0.0, 0.0))[1] <= now
        ]
        self.waiting = sorted(found, key=lambda ref: (ref.date, ref.key))

    def _wait_for(self, begun: list[EpisodeRef], now: float) -> None:
        """Say once of each half-copied episode that it is one; another upload may complete it."""
        self._begun = {ref.key: self._begun.get(ref.key, now) for ref in begun}
        late = {ref.key: ref for ref in begun if now - self._begun[ref.key] >= UPLOAD_SEC}
        for key in sorted(late.keys() - self.half_copied):
            self.say('half_copied', uuid=late[key].uuid, reason=f'{key}: no complete.json yet')
        self.half_copied = set(late)

    def _give_up(self, there: set[str]) -> None:
        """Forget what failed and is no longer in the store, with what was fetched of it."""
        for uuid in self.failing.keys() - there:
            del self.failing[uuid]
            shutil.rmtree(self.incoming / f'{uuid}{STAGING_SUFFIX}', ignore_errors=True)

    def take(self, store: Store) -> Entry | None:
        """Settle the next waiting episode; None if it must be tried again later, or none waits."""
        if not self.waiting:
            return None
        ref = self.waiting.pop(0)
        try:
            self._adopt()
            if ref.uuid in self.ledger.entries:  # just adopted, or stored under two keys
                self.failing.pop(ref.uuid, None)
                return self.ledger.entries[ref.uuid]
            # What no episode of this robot fits into need not be fetched.
            self._check_room(max(1000, 2 * self.contract.episode.max_ticks))
            self.incoming.mkdir(exist_ok=True)
            folder = download_episode(store, ref, self.incoming)
            entry = self._settle(ref, folder)
        except OSError as error:  # StoreError is one
            self._later(ref, error)
            return None
        finally:
            shutil.rmtree(self.incoming / ref.uuid, ignore_errors=True)
        self.failing.pop(ref.uuid, None)
        fields = {'reason': entry.reason} if entry.reason else {'ticks': entry.ticks}
        self.say(entry.state, uuid=entry.uuid, robot_id=entry.robot_id, **fields)
        return entry

    def held_out(self, newest: int) -> list[Rows]:
        """Return the newest held-out episodes as learnable rows, oldest first."""
        found = []
        for entry in self.ledger.of('held_out')[-newest:]:
            try:
                rows = load_arrays(self._file(entry.uuid))
            except (EpisodeError, ValueError, OSError, BadZipFile) as error:
                self.say('held_out_unreadable', uuid=entry.uuid, reason=str(error))
                continue
            del rows['format']
            found.append(rows)
        return found

    def _settle(self, ref: EpisodeRef, folder: Path) -> Entry:
        try:
            reader = EpisodeReader(folder)
            check_serves(reader, self.contract)
            arrays = to_arrays(reader, self.contract)
            rows = learnable(arrays, reader, self.contract)
        except UNREADABLE as error:
            entry = Entry(ref.uuid, 'refused', ref.robot_id, 0, _one_line(error, folder))
            self.ledger.settle(entry)
            return entry
        state = self.ledger.side(ref.uuid, self.share)
        entry = Entry(ref.uuid, state, ref.robot_id, len(rows['reward']))
        if state == 'held_out':
            target = self._file(ref.uuid)
            temporary = target.with_name('part.npz')  # numpy wants the ending
            save_arrays(temporary, {**rows, 'format': arrays['format']})
            os.replace(temporary, target)
        else:
            self._check_room(len(rows['reward']))
            self.replay.extend(rows, note=json.dumps(entry.__dict__))
        self.ledger.settle(entry)
        if state == 'held_out':
            self._forget_oldest()
        return entry

    def _file(self, uuid: str) -> Path:
        return self.held_out_folder / f'{uuid}.npz'

    def _forget_oldest(self) -> None:
        for entry in self.ledger.of('held_out')[:-HELD_OUT_KEPT]:
            self._file(entry.uuid).unlink(missing_ok=True)

    def _check_room(self, ticks: int) -> None:
        ticks = min(ticks, self.replay.capacity)
        need = ticks * sum(a[0, :1].nbytes for a in self.replay.arrays.values())
        check_room(self.folder, need, self.free)

    def _later(self, ref: EpisodeRef, error: OSError) -> None:
        before = self.failing.get(ref.uuid, ('', 0.0, FIRST_RETRY_SEC / 2))[2]
        pause = min(2 * before, LAST_RETRY_SEC)
        self.failing[ref.uuid] = (str(error), self.clock() + pause, pause)
        self.say('not_fetched', uuid=ref.uuid, reason=str(error), retry_in_s=pause)


def _one_line(error: Exception, folder: Path) -> str:
    text = ' '.join(str(error).split()).replace(f'{folder}/', '')
    return text if isinstance(error, (EpisodeError, Unserviceable)) else f'unreadable: {text}'
