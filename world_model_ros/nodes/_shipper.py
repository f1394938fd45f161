# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sealed episodes into the store, by a thread of the recorder's process at low priority.

Owns which episodes are still to go and when to try again. What lies sealed in the folder and is
not complete in the store goes up, also what an earlier process recorded; nothing local is marked
or deleted. Imports no rclpy.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from world_model_ros.contract import ContractError, interface_hash, parse_contract
from world_model_ros.contract.names import check_robot_id
from world_model_ros.experience import EpisodeError
from world_model_ros.experience.bag import ACTIVE_SUFFIX, METADATA_FILE, find_mcap
from world_model_ros.store import Store, StoreError, open_store, parse_url, upload_episode
from world_model_ros.store.layout import check_name

SCAN_PERIOD_SEC = 1.0
FIRST_RETRY_SEC = 1.0
LAST_RETRY_SEC = 60.0
NICENESS = 19
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
            store_url: where they go; the store is begun there if there is none.
            robot_id: of this robot, for episodes that do not say whose they are.
            interface: only episodes of this interface hash go; '' for all of this robot.
            first_retry_s: after a failure; doubled with each further one, up to a minute.
        """
        check_robot_id(robot_id)
        parse_url(store_url)
        self._root, self._url, self._robot_id = root, store_url, robot_id
        self._first_retry_s = first_retry_s
        self._interface = interface
        self._foreign: dict[str, str] = {}  # episode -> whose it is; refused, and no fault
        self._done: set[str] = set()
        self._refused: dict[str, str] = {}
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
        store: Store | None = None
        retry_s, wait_s = self._first_retry_s, 0.0
        while not self._stopping.wait(wait_s):
            try:
                if store is None:
                    self._left = len(self._waiting())
                    store = open_store(self._url, create=True)
                self._ship(store)
            except Exception as error:  # noqa: BLE001 - a thread that ends unseen ships nothing
                known = isinstance(error, OSError)  # StoreError among them
                text = str(error) if known else f'fault in the shipper: {describe(error)}'
                self._failures, self._last_error = self._failures + 1, text
                self._say(text, broken='' if known else text)
                wait_s, retry_s = retry_s, min(2 * retry_s, LAST_RETRY_SEC)
            else:
                self._say('')
                wait_s, retry_s = SCAN_PERIOD_SEC, self._first_retry_s

    def _ship(self, store: Store) -> None:
        """Everything that waits, in the order of recording; OSError at the first failure."""
        waiting = self._waiting()
        for before, folder in enumerate(waiting):
            if self._stopping.is_set():
                return
            self._left = len(waiting) - before
            self._say('')
            try:
                robot_id, interface, info = self._identity(folder)
            except _UNUSABLE as error:
                self._refused[folder.name] = f'{folder}: cannot be shipped: {error}'
                continue
            try:
                self._shipped += upload_episode(store, folder, robot_id, interface, **info)
            except StoreError:
                if not folder.is_dir():  # tidied away meanwhile
                    continue
                raise
            self._done.add(folder.name)
        self._left = 0

    def _waiting(self) -> list[Path]:
        sealed = [
            path
            for path in self._root.iterdir()
            if path.name not in self._done
            and path.name not in self._refused
            and not path.name.endswith(ACTIVE_SUFFIX)
            and (path / METADATA_FILE).is_file()
        ]
        return sorted(sealed, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def _identity(self, folder: Path) -> tuple[str, str, dict[str, Any]]:
        """Robot, interface and a few words about a sealed episode, from its own metadata."""
        find_mcap(folder)
        for path in folder.iterdir():
            if path.is_symlink() or not path.is_file():
                raise EpisodeError(f'{path} is no plain file: only plain files go; move it away')
            check_name(path.name, 'file')
        check_name(folder.name, 'episode')
        path = folder / METADATA_FILE
        content = yaml.safe_load(path.read_text())
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
        }
        robot_id, interface = about['robot_id'] or self._robot_id, interface_hash(contract)
        if robot_id != self._robot_id or self._interface not in ('', interface):
            self._foreign[folder.name] = f'robot {robot_id!r} ({contract.name})'
            raise EpisodeError(f'of {self._foreign[folder.name]}: each robot ships its own')
        return robot_id, interface, info

    def _say(self, error: str, broken: str = '') -> None:
        refused = next((why for n, why in self._refused.items() if n not in self._foreign), '')
        foreign_of = ', '.join(sorted(set(self._foreign.values())))
        self.figures = ShippingFigures(
            self._shipped,
            self._left,
            len(self._refused) - len(self._foreign),
            error or refused,
            self._failures,
            self._last_error,
            len(self._foreign),
            foreign_of,
            broken,
        )


def describe(error: BaseException) -> str:
    """An exception in one line: what, and in which line of which file."""
    where = traceback.extract_tb(error.__traceback__)
    place = f' ({Path(where[-1].filename).name}:{where[-1].lineno})' if where else ''
    return f'{error!r}{place}'
