# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a long measurement prints: its progress, and its figures whatever ends it."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import typer

INTERRUPTED = 130  # exit status after Ctrl-C, as a shell has it


@contextlib.contextmanager
def reported(
    figures: dict[str, Any], show: Callable[[dict[str, Any]], None], *, as_json: bool
) -> Iterator[None]:
    """Show the figures that there are when the block ends, by itself or not.

    Ctrl-C, SIGTERM or an error end it early: `figures['ended_early']` says which, and the exit
    status is not 0.

    Args:
        figures: filled by the block, part by part.
        show: prints them for people; some may be missing.
        as_json: whether one JSON object ends the output.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if main else None
    try:
        yield
    except KeyboardInterrupt:
        figures['ended_early'] = 'interrupted'
        raise typer.Exit(INTERRUPTED) from None
    except typer.Exit:
        raise
    except BaseException as error:
        figures['ended_early'] = f'{type(error).__name__}: {error}'
        raise
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
        if 'ended_early' in figures:
            typer.echo(f'ended early: {figures["ended_early"]}', err=True)
        show(figures)
        if as_json:
            typer.echo(json.dumps(figures))


def say_progress(text: str) -> None:
    """Print one line that is no result."""
    typer.echo(text, err=True)
