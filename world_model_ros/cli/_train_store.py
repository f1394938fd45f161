# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`train --store`: the trainer as a service, its signals, and what it shows while it works.

A progress bar on a terminal; else one JSON object a line on stderr, events and status alike.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from world_model_ros.contract import find_robot, load_contract, unlearnable
from world_model_ros.folder_lock import FolderInUse
from world_model_ros.parent import follow_parent
from world_model_ros.training.core.checkpoint import NOT_WRITTEN
from world_model_ros.training.core.service import Service
from world_model_ros.training.core.settings import ServiceConfig
from world_model_ros.training.core.state import Start


class Display(Protocol):
    """Shows a trainer at work."""

    def event(self, event: str, **fields: Any) -> None:
        """Show what happened."""

    def status(self, status: dict[str, Any]) -> None:
        """Show where it stands."""


class JsonLines:
    """One object a line on stderr."""

    def event(self, event: str, **fields: Any) -> None:
        """Print it."""
        self._print({'event': event, **fields})

    def status(self, status: dict[str, Any]) -> None:
        """Print it."""
        self._print({'status': status})

    def _print(self, line: dict[str, Any]) -> None:
        sys.stderr.write(json.dumps(line) + '\n')
        sys.stderr.flush()


class Bar:
    """A progress bar towards the updates that the ingested ticks pay for."""

    def __init__(self) -> None:
        columns = (
            TextColumn('{task.description}'),
            BarColumn(bar_width=20),
            TextColumn('{task.completed:.0f}/{task.total:.0f} updates  {task.fields[rest]}'),
        )
        self.bar = Progress(*columns, console=Console(stderr=True))
        self.task = self.bar.add_task('starting', total=1, rest='')
        self.bar.start()

    def event(self, event: str, **fields: Any) -> None:
        """Print it above the bar."""
        text = fields.get('text') or ' '.join(f'{k}={v}' for k, v in fields.items())
        self.bar.console.print(f'{event}: {text}', markup=False, highlight=False)

    def status(self, status: dict[str, Any]) -> None:
        """Move the bar."""
        episodes, ticks = status['episodes'], status['ticks']
        gate = (status['gate'] or {}).get('figures', {})
        error = gate.get('joints_15') or gate.get('picture_15')
        rest = (
            f'{status["updates_per_s"]:.1f}/s  episodes {episodes["ingested"]}'
            f'+{episodes["held_out"]} held out  ticks {ticks["ingested"]}  '
            f'ratio {status["replay_ratio"]:.0f}  '
            f'held-out error {"-" if error is None else f"{error:.3g}"}  '
            f'release {(status["release"] or {}).get("number", "-")}'
        )
        total = max(1, status['updates_allowed'], status['updates'])
        self.bar.update(
            self.task,
            completed=status['updates'],
            total=total,
            description=status['store_error'] or status['doing'],
            rest=rest,
        )


def train_from_store(
    store: str,
    contract: str,
    out: Path | None,
    config: ServiceConfig,
    from_file: Path | None,
    *,
    from_scratch: bool,
    minutes: float,
) -> None:
    """Work until a signal or the given minutes; exit 1 with one line where it cannot begin."""
    robot = load_contract(find_robot(contract))
    if refused := unlearnable(robot):
        typer.echo(f'world-model: {"; ".join(refused)}', err=True)
        raise typer.Exit(1)
    start = Start('scratch') if from_scratch else Start()
    if from_file is not None:
        start = Start('file', from_file)
    folder = out or Path('runs') / f'{robot.name}_trainer'
    display: Display = Bar() if sys.stderr.isatty() else JsonLines()
    follow_parent()
    try:
        service = Service(
            store, robot, folder, config, start, say=display.event, report=display.status
        )
    except (FolderInUse, ValueError, *NOT_WRITTEN) as error:
        _stop(display)
        typer.echo(f'world-model: {error}', err=True)
        raise typer.Exit(1) from error
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.leave())
    if minutes:
        # A signal to itself: only the main thread can break a long step off.
        timer = threading.Timer(60.0 * minutes, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()
    try:
        service.run()
    finally:
        _stop(display)


def _stop(display: Display) -> None:
    if isinstance(display, Bar):
        display.bar.stop()
