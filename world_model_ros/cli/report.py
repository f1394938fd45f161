# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `report` verb: what the robots of a store did and learned, as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from world_model_ros.contract import find_robot, interface_hash, load_contract


def report_command(
    store: Annotated[str, typer.Argument(help='Store to read: a folder or URL.')],
    contract: Annotated[
        str, typer.Option(help='Robot name or contract file (default: all that are there).')
    ] = '',
    out: Annotated[Path, typer.Option(help='HTML file to write.')] = Path('report.html'),
) -> None:
    """Write one self-contained page: returns, releases, surprise, streams, ticks, damage."""
    from world_model_ros.report.data import find_episodes, gather
    from world_model_ros.report.page import render
    from world_model_ros.store import StoreError, open_store
    from world_model_ros.store.redact import redact

    robot = load_contract(find_robot(contract)) if contract else None
    interface = None if robot is None else interface_hash(robot)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    try:
        opened = open_store(store)
        refs = find_episodes(opened, interface)
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            task = bar.add_task('episodes', total=len(refs))
            lives = gather(opened, refs, interface, lambda: bar.advance(task))
        page = render(lives, redact(opened.url), '' if robot is None else robot.name)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding='utf-8')
    except StoreError as error:
        typer.echo(f'world-model: {error}', err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f'world-model: {out}: cannot be written: {error}', err=True)
        raise typer.Exit(1) from error
    read = sum(len(life.episodes) for life in lives)
    released = sum(len(life.releases) for life in lives)
    troubles = sum(len(life.troubles) for life in lives)
    typer.echo(f'{out}: {read} episodes, {released} releases, {troubles} could not be read')
