# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench view`: what a viewer of the page costs the tick, and how old a tick is when it arrives.

A simulated robot acts; the page is looked at and left in turns, so that both halves of the figure
come from the same minutes of the same machine. The viewer draws nothing: what a browser needs to
draw is no business of the robot's.
"""

from __future__ import annotations

import contextlib
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bench.domain import keep_to_itself
from world_model_ros.bench.measure import milliseconds
from world_model_ros.bench.wait_for import wait_for
from world_model_ros.contract import Contract
from world_model_ros.deploy.nodes_table import OPTIONAL, SIM, Settings
from world_model_ros.deploy.supervisor import Supervisor
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.view.demo_page import DemoPage

TURN_SEC = 15.0
SETTLE_SEC = 4.0  # of each turn: the page begins to listen and loads the bundle, or lets go
STARTING_SEC = 120.0
GOALS = {'tick_p99_more_ms': 1.0, 'arrival_p95_ms': 150.0}


@dataclass(frozen=True)
class Shown:
    """A robot that runs, and the address of its page with the token."""

    supervisor: Supervisor
    address: str


class Watcher:
    """A viewer that draws nothing; notes how old the newest tick of each update is."""

    def __init__(self, address: str) -> None:
        from websockets.sync.client import connect

        page = address.split('#')[0].replace('http', 'ws', 1)
        self.age_s: list[float] = []
        self._socket = connect(f'{page}live', max_size=None, compression=None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for message in self._socket:
            if isinstance(message, bytes):
                (size,) = struct.unpack('>I', message[:4])
                samples = json.loads(message[4 : 4 + size])['samples']
                if samples:
                    self.age_s.append(time.time() - samples[-1]['t'])

    def close(self) -> list[float]:
        """Go; the ages in s."""
        self._socket.close()
        self._thread.join()
        return self.age_s


@contextlib.contextmanager
def shown_robot(
    contract: Contract,
    robot_file: Path,
    bundle: Path,
    folder: Path,
    on_tick: Callable[[TickRecord], None] = lambda _: None,
) -> Iterator[Shown]:
    """A simulated robot that acts, and its page, until the end of the block.

    Raises:
        TimeoutError: it does not act, or has no page; with the last words of each process.
    """
    from world_model_ros.nodes._monitor import Monitor

    page = DemoPage(folder)
    settings = Settings(
        contract=str(robot_file),
        robot_id='bench',
        bundle=str(bundle),
        directory=str(folder / 'episodes'),
        slots=str(folder / 'slots'),
        state_directory=str(folder / 'state'),
        use_sim_time=True,
        autostart=True,
    )
    supervisor = Supervisor(folder / 'logs')
    monitor = Monitor(contract.episode.max_ticks, on_tick=on_tick)
    try:
        supervisor.start((*SIM, *OPTIONAL), page.added_to(settings))

        def there() -> bool:
            return monitor.view.ticks > 0 and bool(page.address)

        wait_for(supervisor, there, 'a robot that acts, and its page', STARTING_SEC)
        yield Shown(supervisor, page.address)
    finally:
        supervisor.stop()
        monitor.close()


def measure(
    contract: Contract,
    robot_file: Path,
    bundle: Path,
    minutes: float,
    folder: Path,
    figures: dict[str, Any],
) -> None:
    """Let the robot act for some minutes; add the figures, also those until Ctrl-C."""
    keep_to_itself()
    lateness: dict[bool, list[float]] = {False: [], True: []}
    watched: list[bool | None] = [None]  # None: settling

    def on_tick(record: TickRecord) -> None:
        if watched[0] is not None and np.isfinite(record.lateness):
            lateness[watched[0]].append(record.lateness)

    ages: list[float] = []
    try:
        with shown_robot(contract, robot_file, bundle, folder, on_tick) as shown:
            end_s = time.monotonic() + 60.0 * minutes
            while time.monotonic() < end_s:
                for looks in (False, True):
                    watcher = Watcher(shown.address) if looks else None
                    time.sleep(SETTLE_SEC)
                    watched[0] = looks
                    begun = 0 if watcher is None else len(watcher.age_s)
                    time.sleep(TURN_SEC)
                    watched[0] = None
                    if watcher is not None:
                        ages += watcher.close()[begun:]
    finally:
        figures |= figures_of(lateness, ages)


def figures_of(lateness: dict[bool, list[float]], ages: list[float]) -> dict[str, Any]:
    """When commands left, without and with a viewer, and the age of ticks on their arrival."""
    alone, seen = (milliseconds(np.asarray(lateness[looks])) for looks in (False, True))
    figures: dict[str, Any] = {
        'ticks': {'alone': len(lateness[False]), 'watched': len(lateness[True])},
        'late': {
            'alone': sum(late > 0.0 for late in lateness[False]),
            'watched': sum(late > 0.0 for late in lateness[True]),
        },
        'command_left_ms': {'alone': alone, 'watched': seen},
        'updates': len(ages),
    }
    if lateness[False] and lateness[True]:
        before, after = (float(np.percentile(lateness[looks], 99)) for looks in (False, True))
        figures['tick_p99_more_ms'] = round(1e3 * (after - before), 3)
    if ages:
        for share in (50, 95, 99):
            figures[f'arrival_p{share}_ms'] = round(1e3 * float(np.percentile(ages, share)), 1)
    figures['goals'] = GOALS
    return figures
