# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Starts the nodes of the table as child processes, watches them, and leaves none behind.

Stands in for `ros2 launch` where there is none. Owns processes, their parameter files and their
logs; knows nothing of topics and imports no rclpy. Each child leads a process group of its own,
so that the terminal's Ctrl-C reaches the supervisor alone, which ends the children in order.
A child follows its parent: if this process is killed, the kernel tells the children.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from world_model_ros.contract import config_directories
from world_model_ros.deploy.nodes_table import (
    NodeEntry,
    Settings,
    arguments,
    extra_environment,
    parameter_file_text,
)
from world_model_ros.parent import PARENT_ENV

STOP_WITHIN_SEC = 5.0  # promised to the user, from Ctrl-C to the last process gone
# The agent ends its episode first, then the recorder seals it; the driver goes last. The trainer
# has all the time there is to save what it learned.
STOP_ORDER = (
    ('agent', 'trainer', 'updater', 'dashboard'),
    ('recorder',),
    ('guard', 'sim_robot', 'imagined_robot', 'unfriendly_arm', 'trainer'),
)
_STAGE_SEC = (1.5, 1.5, 1.0)
_KILL_WAIT_SEC = 0.5


@dataclass
class Child:
    """One running process."""

    name: str
    process: subprocess.Popen
    log: Path
    expected: bool = True  # False: it was asked to end
    begun_s: float = field(default_factory=time.monotonic)

    @property
    def died(self) -> bool:
        """Whether it ended without being asked."""
        return self.expected and self.process.poll() is not None

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        status = self.process.poll()
        if status is None:
            return 'still runs'
        if status < 0:
            return f'killed by {signal.Signals(-status).name}'
        return f'ended with exit status {status}'

    def last_lines(self, count: int = 5) -> list[str]:
        """The end of its log."""
        return self.log.read_text(encoding='utf-8', errors='replace').splitlines()[-count:]


class StopRequest:
    """SIGINT, SIGTERM and SIGHUP of the supervisor: the first asks to end, others change nothing.

    Must be made in the main thread.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked.set()


class Supervisor:
    """The processes of one robot."""

    def __init__(self, folder: Path) -> None:
        """Keep logs and parameter files in `folder`."""
        self.folder = folder
        self.children: list[Child] = []
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, entries: Sequence[NodeEntry], settings: Settings) -> None:
        """Start one process per entry that has what it needs."""
        for entry in entries:
            if settings.starts(entry):
                self._start(entry, settings)

    def _start(self, entry: NodeEntry, settings: Settings) -> None:
        stem = '_'.join(filter(None, (settings.namespace.strip('/'), entry.executable)))
        own = self.folder / f'{stem}.yaml'
        own.write_text(parameter_file_text('/**', settings.parameters(entry)), encoding='utf-8')
        line = [entry.module, *arguments(entry, settings, [*settings.parameter_files(), own])]
        extra = extra_environment(entry, config_directories(), os.environ)
        self.start_module(entry.executable, line, stem, extra)

    def start_module(
        self,
        name: str,
        line: Sequence[str],
        stem: str = '',
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Start `python -m` with a module and its arguments, under a name of the stop order."""
        log = self.folder / f'{stem or name}.log'
        command = [sys.executable, '-m', *line]
        environment = {**os.environ, **(extra or {}), PARENT_ENV: str(os.getpid())}
        environment.setdefault('RCUTILS_LOGGING_BUFFERED_STREAM', '1')
        with log.open('wb') as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        self.children.append(Child(name, process, log))

    def died(self) -> list[Child]:
        """Children that ended without being asked."""
        return [child for child in self.children if child.died]

    def stop(self) -> None:
        """End all children in order, by force where needed, within STOP_WITHIN_SEC."""
        for names, patience_s in zip(STOP_ORDER, _STAGE_SEC, strict=True):
            stage = [child for child in self.children if child.name in names]
            self._signal(stage, signal.SIGINT)
            _wait(stage, patience_s)
        self._signal(self.children, signal.SIGKILL)
        _wait(self.children, _KILL_WAIT_SEC)

    def _signal(self, children: Sequence[Child], number: int) -> None:
        for child in children:
            if child.process.poll() is None:
                child.expected = False
                child.process.send_signal(number)


def _wait(children: Sequence[Child], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for child in children:
        try:
            child.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            continue  # the next stage, or SIGKILL, deals with it
