# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A store, a robot's slots and bundles to publish, for tests of the updater's state machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from world_model_ros.contract import interface_hash, load_contract
from world_model_ros.durable import DurableState
from world_model_ros.fleet.updater import Updater
from world_model_ros.fleet.updater_state import State, parse_state
from world_model_ros.fleet.verdict import Verdict
from world_model_ros.releases import publish_release
from world_model_ros.store import open_store

PASS = Verdict([])
# A robot in a process of its own: it follows, swaps at once, and says what it does. With a state
# named, it ends by SIGKILL when it gets there.
FOLLOW = """
import os, signal, sys
from world_model_ros.fleet.updater import Updater
url, contract, slots, die_in = sys.argv[1:]
def on_status(status):
    print(status.state, flush=True)
    if status.state == die_in:
        os.kill(os.getpid(), signal.SIGKILL)
updater = Updater(url, contract, slots, robot_id='r', on_status=on_status)
while True:
    status = updater.poll()
    if status.state == 'ready':
        updater.swapped(status.bundle_sha)
"""


class Fleet:
    """A store, a robot's slots, and bundles to publish."""

    def __init__(self, folder: Path, contract: Path, bundles: list[Path]) -> None:
        self.contract, self.bundles = contract, bundles
        self.store = open_store(folder / 'store', create=True)
        self.slots = folder / 'slots'
        self.interface = interface_hash(load_contract(contract))

    def publish(self, number: int):
        return publish_release(self.store, self.bundles[number], self.interface)

    def bundle(self, release) -> Path:
        """Where a release's bundle lies on the robot."""
        return self.slots / release.bundle_sha / 'bundle'

    def kept(self) -> State:
        """The state as it is on disk."""
        value, problem = DurableState(self.slots, 'updater').load()
        assert not problem
        return parse_state(value)

    def updater(self, **options) -> Updater:
        options.setdefault('preflight', lambda bundle: PASS)
        return Updater(self.store.url, self.contract, self.slots, **options)

    def follow(self, die_in: str = '') -> subprocess.Popen:
        line = [sys.executable, '-c', FOLLOW, self.store.url, self.contract, self.slots, die_in]
        return subprocess.Popen([str(part) for part in line], stdout=subprocess.PIPE, text=True)

    def folders(self) -> set[str]:
        return {path.name for path in self.slots.iterdir() if path.is_dir()}


def take(fleet, updater, number):
    """Publish a bundle, follow it and swap to it."""
    release = fleet.publish(number)
    status = updater.poll()
    assert (status.state, status.bundle_sha) == ('ready', release.bundle_sha), status
    updater.swapped(release.bundle_sha)
    return release
