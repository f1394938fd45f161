# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From recordings into replay: every complete episode once, one in ten never.

Owns the order of writing that makes "once" hold through kills: replay (which carries the newest
episode's name), then the ledger. Every episode is settled or tried again a counted number of
times, whatever is in it: it is read in a process of its own (parser.py). Held-out episodes lie as
arrays beside the replay. Must not import torch, ROS or a simulator.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.experience import load_arrays, save_arrays
from world_model_ros.experience.read.arrays import ARRAYS_FORMAT
from world_model_ros.store import EpisodeRef, Store, StoreDamaged, StoreMissing
from world_model_ros.store.episode_store import download_episode
from world_model_ros.store.folders import STAGING_SUFFIX
from world_model_ros.training.core.disk import Free, check_room, free_bytes
from world_model_ros.training.data.failed_episodes import MOST, Attempts, Kind
from world_model_ros.training.data.ledger import Entry, Ledger, episode_key
from world_model_ros.training.data.listing import Listing
from world_model_ros.training.data.parser import Parser, ParserEnded, ParserRefused
from world_model_ros.training.data.recordings import Recordings
from world_model_ros.training.data.replay import Replay
from world_model_ros.training.data.segments import Rows
from world_model_ros.training.data.sides import content_of, in_turns, newest, secret_of, side

HELD_OUT_SHARE = 0.1
HELD_OUT_KEPT = 32  # episodes on disk; the gate looks at the newest few
# Of one robot, between two looks into the store: one that floods it does not keep others waiting.
ROBOT_EPISODES = 16
FIRST_RETRY_SEC, LAST_RETRY_SEC = 2.0, 300.0
# An upload is done by then; what has no complete.json for longer is said to be half copied.
UPLOAD_SEC = 60.0
REASON = 500  # characters that are kept of why something failed
Say = Callable[..., None]


class Ingest:
    """Follows a store or a folder of episodes for one contract.

    ``folder`` holds replay, held-out episodes and ledger.

    ``say(event, **fields)`` receives what happened, once per event. ``parser`` is for tests; it is
    made and owned otherwise. ``stop`` breaks off the reading of an episode, which is taken later.

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
        robot_episodes: int = ROBOT_EPISODES,
        parser: Parser | None = None,
        stop: Callable[[], bool] = lambda: False,
        *,
        imitate: bool = False,
    ) -> None:
        self.contract, self.folder, self.say = contract, Path(folder), say
        self.share, self.clock, self.free = held_out_share, clock, free
        self.robot_episodes, self.imitate = robot_episodes, imitate
        # Recordings, weights and the secret are nobody else's.
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.replay = Replay(self.folder / 'replay', contract, 1, capacity)
        self.ledger = Ledger(self.folder / 'ledger.jsonl')
        self.key, key_damage = secret_of(self.folder)
        self.attempts = Attempts(self.folder)
        for damage in (self.ledger.damaged, self.attempts.damaged, key_damage):
            if damage:
                say('state_damaged', reason=damage)
        self.parser = parser or Parser(contract, self.folder / 'parsed', stop=stop)
        self.incoming = self.folder / 'incoming'
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.held_out_folder = self.folder / 'held_out'
        self.held_out_folder.mkdir(exist_ok=True)
        self.waiting: list[EpisodeRef] = []
        self._listing = Listing(clock)
        self.deferred = 0  # episodes that wait for the next look: their robot has had its turns
        self.failing: dict[str, tuple[str, float, float]] = {}  # key: reason, not before, pause
        self.half_copied: set[str] = set()  # keys in the store
        self._begun: dict[str, float] = {}  # key: when it was first seen without complete.json
        self._adopt()

    def _adopt(self) -> None:
        """Enter what a kill or a full disk left in replay but not in the ledger."""
        if self.replay.note:
            entry = Entry(**json.loads(self.replay.note))
            if entry.key not in self.ledger.entries:
                self.replay.save()
                self.ledger.settle(entry)

    @property
    def ticks(self) -> int:
        """Return the ticks ever ingested; more than are held once the replay wrapped."""
        return self.replay.written

    def close(self) -> None:
        """End the process that reads episodes."""
        self.parser.close()

    def look(self, source: Store | Recordings) -> None:
        """List what is new there; of other interfaces, too: messages are what counts.

        Robots take turns, oldest episodes first; of each at most `robot_episodes` until the next
        look.

        Raises:
            StoreError: the store or folder cannot be read.
        """
        now = self.clock()
        known = self.ledger.entries
        begun: list[EpisodeRef] = []  # in a folder they have another name
        if isinstance(source, Recordings):
            complete = source.look()
        else:
            complete, begun = self._listing.look(source)
        self._wait_for(begun, now)
        self._give_up({_key(ref) for ref in complete})
        found = [
            ref
            for ref in complete
            if _key(ref) not in known and self.failing.get(_key(ref), ('', 0.0, 0.0))[1] <= now
        ]
        found.sort(key=lambda ref: (ref.date, ref.key))
        self.waiting = in_turns(found, lambda ref: ref.robot_id, self.robot_episodes)
        self.deferred = len(found) - len(self.waiting)

    def _wait_for(self, begun: list[EpisodeRef], now: float) -> None:
        """Say once of each half-copied episode that it is one; another upload may complete it."""
        self._begun = {ref.key: self._begun.get(ref.key, now) for ref in begun}
        late = {ref.key: ref for ref in begun if now - self._begun[ref.key] >= UPLOAD_SEC}
        for key in sorted(late.keys() - self.half_copied):
            self.say('half_copied', uuid=late[key].uuid, reason=f'{key}: no complete.json yet')
        self.half_copied = set(late)

    def _give_up(self, there: set[str]) -> None:
        """Forget what failed and is no longer in the store, with what was fetched of it."""
        for key in self.failing.keys() - there:
            del self.failing[key]
            self.attempts.forget(key)
            uuid = key.rpartition('/')[2]
            shutil.rmtree(self.incoming / f'{uuid}{STAGING_SUFFIX}', ignore_errors=True)

    def take(self, source: Store | Recordings) -> Entry | None:
        """Settle the next waiting episode; None if it must be tried again later, or none waits."""
        if not self.waiting:
            return None
        ref = self.waiting.pop(0)
        key = _key(ref)
        entry: Entry | None
        try:
            self._adopt()
            if key in self.ledger.entries:  # just adopted, or stored under two dates
                self.failing.pop(key, None)
                return self.ledger.entries[key]
            entry = self._refuse_spent(ref) or self._settle(ref, self._fetch(source, ref))
        except (StoreDamaged, StoreMissing) as error:
            entry = self._failed(ref, 'damaged', error)
        except OSError as error:  # StoreError is one: unreachable, or this disk is full
            self._later(ref, error)
            entry = None
        except Exception as error:  # noqa: BLE001 - counted and named; the next one is taken
            entry = self._failed(ref, 'ended', error)
        finally:
            shutil.rmtree(self.incoming / ref.uuid, ignore_errors=True)
        if entry is None:
            return None
        self.failing.pop(key, None)
        self.attempts.forget(key)
        fields = {'reason': entry.reason} if entry.reason else {'ticks': entry.ticks}
        self.say(entry.state, uuid=entry.uuid, robot_id=entry.robot_id, **fields)
        return entry

    def held_out(self, most: int) -> list[Rows]:
        """Return the newest held-out episodes as learnable rows, robots in turns, oldest first."""
        found = []
        for entry in newest(self.ledger.of('held_out'), most):
            try:
                rows = load_arrays(self._file(entry))
            except Exception as error:  # noqa: BLE001 - a damaged file costs one episode of many
                self.say('held_out_unreadable', uuid=entry.uuid, reason=str(error))
                continue
            del rows['format']
            found.append(rows)
        return found

    def _fetch(self, source: Store | Recordings, ref: EpisodeRef) -> Path:
        # What no episode of this robot fits into need not be fetched.
        self._check_room(max(1000, 2 * self.contract.episode.max_ticks))
        if isinstance(source, Recordings):
            return source.fetch(ref)
        self.incoming.mkdir(exist_ok=True, mode=0o700)
        return download_episode(source, ref, self.incoming)

    def _settle(self, ref: EpisodeRef, folder: Path) -> Entry:
        self.attempts.begin(_key(ref))
        try:
            rows = self.parser.read(folder)
        except ParserRefused as error:
            return self._refuse(ref, str(error))
        finally:
            self.attempts.end()
        content = content_of(rows, [s.name for s in self.contract.image_streams])
        del rows['t_ns']
        if self.imitate:  # after `content`: it is the same episode for those who see its rewards
            rows['reward'] = np.full_like(rows['reward'], np.nan)
        twin = self.ledger.contents.get(content)
        if twin is not None:
            return self._refuse(ref, f'the same life as episode {twin.uuid} of {twin.robot_id}')
        state = side(self.ledger, self.key, ref.robot_id, ref.uuid, self.share)
        entry = Entry(ref.uuid, state, ref.robot_id, len(rows['reward']), content=content)
        if state == 'held_out':
            target = self._file(entry)
            temporary = target.with_name('part.npz')  # numpy wants the ending
            save_arrays(temporary, {**rows, 'format': np.array(ARRAYS_FORMAT)})
            os.replace(temporary, target)
        else:
            self._check_room(len(rows['reward']))
            self.replay.extend(rows, note=json.dumps(entry.__dict__))
        self.ledger.settle(entry)
        if state == 'held_out':
            self._forget_oldest()
        return entry

    def _refuse(self, ref: EpisodeRef, reason: str) -> Entry:
        entry = Entry(ref.uuid, 'refused', ref.robot_id, 0, reason[:REASON])
        self.ledger.settle(entry)
        return entry

    def _refuse_spent(self, ref: EpisodeRef) -> Entry | None:
        """Refuse what was counted too often by a trainer that did not survive it."""
        kind = self.attempts.spent(_key(ref))
        if kind is None:
            return None
        return self._refuse(ref, f'given up: {kind} {MOST[kind]} times while it was read')

    def _failed(self, ref: EpisodeRef, kind: Kind, error: Exception) -> Entry | None:
        """Count a failure that is the episode's own; refuse it for good after too many."""
        try:
            if self.attempts.failed(_key(ref), kind):
                return self._refuse(ref, f'given up after {MOST[kind]} tries: {_text(error)}')
        except OSError as full:
            error = full
        self._later(ref, error)
        return None

    def _file(self, entry: Entry) -> Path:
        # Format 1 of the ledger knew no content, and named files by the uuid alone.
        name = hashlib.sha256(entry.key.encode()).hexdigest()[:32] if entry.content else entry.uuid
        return self.held_out_folder / f'{name}.npz'

    def _forget_oldest(self) -> None:
        entries = self.ledger.of('held_out')
        kept = {entry.key for entry in newest(entries, HELD_OUT_KEPT)}
        for entry in entries:
            if entry.key not in kept:
                self._file(entry).unlink(missing_ok=True)

    def _check_room(self, ticks: int) -> None:
        ticks = min(ticks, self.replay.capacity)
        need = ticks * sum(a[0, :1].nbytes for a in self.replay.arrays.values())
        check_room(self.folder, need, self.free)

    def _later(self, ref: EpisodeRef, error: Exception) -> None:
        before = self.failing.get(_key(ref), ('', 0.0, FIRST_RETRY_SEC / 2))[2]
        pause = min(2 * before, LAST_RETRY_SEC)
        self.failing[_key(ref)] = (_text(error), self.clock() + pause, pause)
        self.say('not_fetched', uuid=ref.uuid, reason=_text(error), retry_in_s=pause)


def _key(ref: EpisodeRef) -> str:
    return episode_key(ref.robot_id, ref.uuid)


def _text(error: Exception) -> str:
    text = ' '.join(str(error).split())
    known = isinstance(error, (OSError, ParserEnded))
    return (text if known else f'{type(error).__name__}: {text}')[:REASON]
