# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sealed episodes into the store, by a thread of the recorder's process at low priority.

Owns which episodes are still to go and when to try again. What lies sealed in the folder and is
not complete in the store goes up, also what an earlier process recorded. An episode that fails
waits for its next try while the others go; after some tries it is named and left. Nothing local is
deleted, and no store is ever made: where there is none, that is said, and recording goes on.
Imports no rclpy.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from world_model_ros.contract import ContractError, interface_hash, parse_contract
from world_model_ros.contract.names import check_robot_id
from world_model_ros.experience import EpisodeError
from world_model_ros.experience.bag import METADATA_FILE, find_mcap
from world_model_ros.experience.record.shipped_list import Shipped
from world_model_ros.experience.record.sink import OUR_SUFFIXES
from world_model_ros.store import Store, StoreError, open_store, parse_url, upload_episode
from world_model_ros.store.episode_store import StoreConflict
from world_model_ros.store.keys import FORMAT_KEY, check_name, to_json
from world_model_ros.store.redact import redact

SCAN_PERIOD_SEC = 1.0
FIRST_RETRY_SEC = 1.0
LAST_RETRY_SEC = 60.0
NICENESS = 19
MANY = 3  # episodes that fail one after the other: the store's doing, all wait
MAX_TRIES = 6  # of one episode that fails while the store works: half a minute, or six starts
OLD_AT_ONCE = 32  # of earlier processes, before it is looked whether something new was sealed
MAX_METADATA_BYTES = 8 << 20  # of metadata.yaml: the contract, and 500 bytes of each topic
# What metadata of another recorder, or a damaged one, may lead to.
_UNUSABLE = (
    EpisodeError,
    ContractError,
    yaml.YAMLError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)


@dataclass(frozen=True)
class ShippingFigures:
    """For diagnostics."""

    shipped: int = 0  # by this process
    waiting: int = 0
    refused: int = 0  # episodes that cannot go, whatever the store says
    postponed: int = 0  # episodes that failed and are tried again later
    error: str = ''
    failures: int = 0  # of this process: store or disk could not be used
    last_error: str = ''  # of these, the newest
    foreign: int = 0  # episodes of other robots or interfaces in the same folder: left alone
    foreign_of: str = ''  # whose these are
    broken: str = ''  # now: a fault of this program, not of the store or the disk


class Shipper:
    """Follows one folder of episodes; start() it, and stop() it before the process ends."""

    def __init__(
        self,
        root: Path,
        store_url: str,
        robot_id: str,
        first_retry_s: float = FIRST_RETRY_SEC,
        *,
        interface: str = '',
    ) -> None:
        """Prepare; raises ValueError without a robot_id that can be part of a key.

        Raises StoreUrlError for a URL that names no store.

        Args:
            root: folder of the episodes.
            store_url: where they go; `world-model store create` has made a store there.
            robot_id: of this robot, for episodes that do not say whose they are.
            interface: only episodes of this interface hash go; '' for all of this robot.
            first_retry_s: after a failure; doubled with each further one, up to a minute.
        """
        check_robot_id(robot_id)
        parse_url(store_url)
        self._root, self._url, self._robot_id = root, store_url, robot_id
        self._first_retry_s = self._retry_s = first_retry_s
        self._store: Store | None = None
        self._interface = interface
        self._foreign: dict[str, str] = {}  # episode -> whose it is; refused, and no fault
        self._done = Shipped(root, store_url)
        self._refused: dict[str, str] = {}
        self._failed: dict[str, _Failed] = {}  # episode -> its failures so far
        self._new_since_ns = time.time_ns()
        self._shipped = self._failures = self._left = 0
        self._last_error = ''
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name='shipper', daemon=True)
        self.figures = ShippingFigures()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End after the object under way, which is whole in the store or not there; if in time."""
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if sys.platform.startswith('linux'):
            # Of this thread, and of those that obstore starts from it.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        wait_s = 0.0
        while not self._stopping.wait(wait_s):
            wait_s = self.step()

    def step(self) -> float:
        """One look at the folder, and what is due goes; how long to wait for the next, in s."""
        try:
            if self._store is None:
                self._left = len(self._waiting())
                opened = open_store(self._url)
                opened.layout  # noqa: B018 - a store that is none is said at once
                self._store = opened
            self._ship(self._store)
        except Exception as error:  # noqa: BLE001 - a thread that ends unseen ships nothing
            known = isinstance(error, OSError)  # StoreError among them
            text = str(error) if known else f'fault in the shipper: {describe(error)}'
            self._failures, self._last_error = self._failures + 1, text
            self._say(text, broken='' if known else text)
            wait_s, self._retry_s = self._retry_s, min(2 * self._retry_s, LAST_RETRY_SEC)
            return wait_s
        self._say('')
        self._retry_s = self._first_retry_s
        return SCAN_PERIOD_SEC

    def _ship(self, store: Store) -> None:
        """What waits and is due: what is new first, then some of what is old.

        Raises:
            StoreError: the store itself cannot be used now.
        """
        waiting = self._waiting()
        in_a_row = 0
        now_s = time.monotonic()
        due = [path for path in waiting if self._due(path.name, now_s)]
        for before, folder in enumerate(due[:OLD_AT_ONCE]):
            if self._stopping.is_set():
                return
            self._left = len(waiting) - before
            self._say('')
            error = self._try(store, folder)
            in_a_row = in_a_row + 1 if error else 0
            if error and in_a_row >= MANY:
                raise error  # it is not the episodes
        self._left = len(self._waiting())

    def _try(self, store: Store, folder: Path) -> StoreError | None:
        """Settle one episode: shipped, refused, or to be tried later.

        Returns:
            What the store says of this one, if that is why.

        Raises:
            StoreError: the store itself is away.
        """
        try:
            robot_id, interface, info = self._identity(folder)
            self._shipped += upload_episode(store, folder, robot_id, interface, **info)
        except _UNUSABLE as error:
            if os.path.isdir(folder):  # not tidied away meanwhile
                self._refused[folder.name] = f'{folder}: cannot be shipped: {_short(error)}'
        except Exception as error:  # noqa: BLE001 - one episode never keeps back the others
            if not os.path.isdir(folder):
                return None
            if isinstance(error, StoreError):
                store.exists(FORMAT_KEY)  # is it the store? then all wait: StoreError
            self._postpone(folder, error)
            return error if isinstance(error, StoreError) else None
        else:
            self._done.add(folder.name)
            self._failed.pop(folder.name, None)
        return None

    def _postpone(self, folder: Path, error: Exception) -> None:
        """Count a failure of one episode: tried again after a while, and not for ever."""
        failed = self._failed.setdefault(folder.name, _Failed())
        failed.tries += 1
        known = isinstance(error, OSError)
        failed.reason = _short(error) if known else describe(error)
        wait_s = min(self._first_retry_s * 2**failed.tries, LAST_RETRY_SEC)
        failed.next_s = time.monotonic() + wait_s
        self._failures, self._last_error = self._failures + 1, f'{folder}: {failed.reason}'
        # A store that is full or forbids has room or rights again one day; a fault of the episode,
        # or of this program, stays.
        lasting = not isinstance(error, StoreError) or isinstance(error, StoreConflict)
        if failed.tries >= MAX_TRIES and lasting:
            del self._failed[folder.name]
            self._refused[folder.name] = (
                f'{folder}: cannot be shipped: {failed.reason} ({failed.tries} tries; the next '
                'start tries again)'
            )

    def _due(self, name: str, now_s: float) -> bool:
        return name not in self._failed or now_s >= self._failed[name].next_s

    def _waiting(self) -> list[Path]:
        """Sealed episodes that are not settled, those of this process first, by age."""
        found: list[tuple[bool, int, Path]] = []
        with os.scandir(self._root) as entries:
            for entry in entries:
                name = entry.name
                if name in self._done or name in self._refused or name.endswith(OUR_SUFFIXES):
                    continue
                with contextlib.suppress(OSError):  # tidied away meanwhile
                    path = Path(entry.path)
                    if entry.is_dir(follow_symlinks=False) and (path / METADATA_FILE).is_file():
                        sealed_ns = entry.stat(follow_symlinks=False).st_mtime_ns
                        found.append((sealed_ns < self._new_since_ns, sealed_ns, path))
        return [path for *_, path in sorted(found)]

    def _identity(self, folder: Path) -> tuple[str, str, dict[str, Any]]:
        """Robot, interface and a few words about a sealed episode, from its own metadata."""
        find_mcap(folder)
        for path in folder.iterdir():
            if path.is_symlink() or not path.is_file():
                raise EpisodeError(f'{path} is no plain file: only plain files go; move it away')
            check_name(path.name, 'file')
        check_name(folder.name, 'episode')
        path = folder / METADATA_FILE
        if path.stat().st_size > MAX_METADATA_BYTES:
            raise EpisodeError(f'{path}: more than {MAX_METADATA_BYTES} bytes')
        content = yaml.safe_load(path.read_text('utf-8'))
        try:
            bag = content['rosbag2_bagfile_information']
            about = bag['custom_data']
            topics = json.loads(about['topics'])
            counts = {
                entry['topic_metadata']['name']: entry['message_count']
                for entry in bag['topics_with_message_count']
            }
        except (KeyError, TypeError) as error:
            raise EpisodeError(f'{path}: not metadata of our recorder: {error!r}') from error
        contract = parse_contract(about['contract'], str(path))
        info = {
            'status': about['status'],
            'contract_hash': about['contract_hash'],
            'ticks': counts.get(topics.get('tick', ''), 0),
            'started_ns': int(about.get('started_ns') or 0),
        }
        to_json(info)  # nothing that no record could hold
        robot_id = check_robot_id(about['robot_id'] or self._robot_id, f'{path}: robot_id')
        interface = interface_hash(contract)
        if robot_id != self._robot_id or self._interface not in ('', interface):
            self._foreign[folder.name] = f'robot {robot_id!r} ({contract.name})'
            raise EpisodeError(f'of {self._foreign[folder.name]}: each robot ships its own')
        return robot_id, interface, info

    def _say(self, error: str, broken: str = '') -> None:
        refused = next((why for n, why in self._refused.items() if n not in self._foreign), '')
        postponed = next((failed.reason for failed in self._failed.values()), '')
        foreign_of = ', '.join(sorted(set(self._foreign.values())))
        self.figures = ShippingFigures(
            self._shipped,
            self._left,
            len(self._refused) - len(self._foreign),
            len(self._failed),
            error or refused or postponed,
            self._failures,
            self._last_error,
            len(self._foreign),
            foreign_of,
            broken,
        )


@dataclass
class _Failed:
    """An episode that could not go, though the store works."""

    tries: int = 0
    next_s: float = 0.0  # steady clock
    reason: str = ''


def _short(error: BaseException) -> str:
    """Words that any log or topic can carry."""
    text = redact(str(error) or repr(error))
    return text.encode('ascii', 'backslashreplace').decode()[:500]


def describe(error: BaseException) -> str:
    """An exception in one line: what, and in which line of which file."""
    where = traceback.extract_tb(error.__traceback__)
    place = f' ({Path(where[-1].filename).name}:{where[-1].lineno})' if where else ''
    return f'{error!r}{place}'
