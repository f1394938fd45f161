# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`world-model demo` as a child process, whose figures are read whatever ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# From SIGINT to the last process gone the demo ends within 5 s; it then asks the store once more.
END_WITHIN_SEC = 20.0
COMMAND = [sys.executable, '-m', 'world_model_ros.cli.main', 'demo', '--headless']


def run_demo(
    arguments: list[str],
    figures: Path,
    wait: Callable[[subprocess.Popen], object],
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run it until it ends or `wait` returns or raises; its figures.

    An interrupt is raised again only after the figures are in the file `figures`: read them there.

    Args:
        arguments: of the demo, without --json.
        figures: where it writes its figures.
        wait: waits for its end, as long as it may take.
        environment: of the process; this one's by default.

    Raises:
        FileNotFoundError: it wrote no figures; its last words are in the text.
    """
    words = figures.with_name('demo.log')
    with words.open('wb') as log:
        demo = subprocess.Popen(
            [*COMMAND, *arguments, '--json', str(figures)], stdout=log, stderr=log, env=environment
        )
        try:
            wait(demo)
        finally:
            end(demo)
    if not figures.is_file():
        text = words.read_text(errors='replace')[-2000:]
        raise FileNotFoundError(f'the demo ended with {demo.returncode} and no figures: {text}')
    return read(figures)


def read(figures: Path) -> dict[str, Any]:
    """What a demo wrote; {} if it has not."""
    return dict(json.loads(figures.read_text(encoding='utf-8'))) if figures.is_file() else {}


def end(demo: subprocess.Popen) -> None:
    """Ask it to end in order; by force where it does not."""
    if demo.poll() is None:
        demo.send_signal(signal.SIGINT)
        try:
            demo.wait(END_WITHIN_SEC)
        except subprocess.TimeoutExpired:
            demo.kill()
            demo.wait()
