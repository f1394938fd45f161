# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `train` shows while it works.

A progress bar on a terminal; else one JSON object a line on stderr, events and status alike.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn


class Display(Protocol):
    """Shows a trainer at work."""

    def event(self, event: str, **fields: Any) -> None:
        """Show what happened."""

    def status(self, status: dict[str, Any]) -> None:
        """Show where it stands."""

    def close(self) -> None:
        """Give the terminal back; a second time does nothing."""


@contextlib.contextmanager
def trainer_display() -> Iterator[Display]:
    """The display that fits stderr, closed at the end."""
    display: Display = Bar() if sys.stderr.isatty() else JsonLines()
    try:
        yield display
    finally:
        display.close()


class JsonLines:
    """One object a line on stderr."""

    def event(self, event: str, **fields: Any) -> None:
        """Print it."""
        self._print({'event': event, **fields})

    def status(self, status: dict[str, Any]) -> None:
        """Print it."""
        self._print({'status': status})

    def close(self) -> None:
        """Nothing is held."""

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
        refused = episodes.get('imagined', 0)
        imagined = f', {refused} imagined refused' if refused else ''
        error = gate.get('joints_15') or gate.get('picture_15')
        rest = (
            f'{status["updates_per_s"]:.1f}/s  episodes {episodes["ingested"]}'
            f'+{episodes["held_out"]} held out{imagined}  ticks {ticks["ingested"]}  '
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

    def close(self) -> None:
        """End the bar."""
        self.bar.stop()
