# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `episodes` verb: what was recorded, whether it is whole, and films of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from world_model_ros.contract import load_contract
from world_model_ros.experience import (
    EpisodeError,
    EpisodeReader,
    check_episode,
    export_video,
    list_episodes,
)
from world_model_ros.experience.bag import ACTIVE_SUFFIX
from world_model_ros.experience.read.rebuild import read_ticks
from world_model_ros.experience.record.began import began
from world_model_ros.onboard.tick.tick_record import TickRecordError
from world_model_ros.wire.cdr import MessageError

app = typer.Typer(no_args_is_help=True, add_completion=False)

AsJson = Annotated[bool, typer.Option('--json', help='End with one JSON object.')]
PIPED_WIDTH = 200  # whoever reads through a pipe wants whole words
UNREADABLE = (EpisodeError, MessageError, TickRecordError, OSError)


@app.callback()
def _root() -> None:
    """List, check and export recordings."""


@app.command('list')
def list_command(
    folder: Annotated[Path, typer.Argument(help='Folder that holds episodes.')] = Path('episodes'),
    as_json: AsJson = False,
) -> None:
    """List the episodes of a folder, oldest first, with ticks, return and state."""
    paths = list_episodes(folder, active=True)
    rows = [row for path in paths if (row := _describe_now(path)) is not None]
    if as_json:
        typer.echo(json.dumps({'folder': str(folder), 'episodes': rows}))
        return
    if not rows:
        typer.echo(f'no episodes in {folder}')
        return
    table = Table(box=None, pad_edge=False)
    table.add_column('episode', no_wrap=True)
    for name in ('began (UTC)', 'ticks', 'return', 'MB'):
        table.add_column(name, no_wrap=True, justify='right')
    table.add_column('state')
    for row in rows:
        table.add_row(
            row['name'].removesuffix(ACTIVE_SUFFIX),  # the state says it, and 80 columns are few
            _moment(row),
            str(row.get('ticks', '')),
            f'{row["return"]:.2f}' if row.get('return') is not None else '-',
            f'{row["bytes"] / 1e6:.1f}',
            row['state'],
        )
    console = Console()
    console.print(table, width=None if console.is_terminal else PIPED_WIDTH)


def _moment(row: dict[str, Any]) -> str:
    """Month, day and time, and the simulator's time beside it: 80 columns are few."""
    parts = (row.get('began', '')[5:16], row.get('simulated_time', ''))
    return ', '.join(part for part in parts if part)


def _describe_now(path: Path) -> dict[str, Any] | None:
    """A row for what was there a moment ago: a recorder may have sealed or deleted it since."""
    sealed = path.with_name(path.name.removesuffix(ACTIVE_SUFFIX))
    for name in dict.fromkeys((path, sealed)):
        try:
            row = describe(name)
        except FileNotFoundError:
            continue
        if name.is_dir():
            return row
    return None


def describe(path: Path) -> dict[str, Any]:
    """One row of the list; an unreadable episode is a row too."""
    row: dict[str, Any] = {
        'name': path.name,
        'path': str(path),
        'bytes': sum(file.stat().st_size for file in path.iterdir()),
    }
    try:
        return {**row, **_described(path)}
    except FileNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001 - an episode may be anything; the others are listed
        return {**row, 'state': f'unreadable: {_short(error)}'}


def _described(path: Path) -> dict[str, Any]:
    reader = EpisodeReader(path)
    ticks = read_ticks(reader)
    contents = reader.contents
    rewards = np.array([record.reward for record in ticks])
    measured = rewards[np.isfinite(rewards)]
    start = began(contents.start_ns, reader.info.announced)
    return {
        'robot_id': reader.info.robot_id,
        'began': start.utc,
        'simulated_time': start.simulated_time,
        'seconds': max(0.0, (contents.end_ns - contents.start_ns) * 1e-9),
        'ticks': len(ticks),
        'return': float(measured.sum()) if measured.size else None,
        'state': reader.end.status,
    }


def _check(path: Path, rebuild: bool) -> list[str]:
    try:
        return check_episode(path, rebuilt=rebuild)
    except Exception as error:  # noqa: BLE001 - an episode may be anything; the others are checked
        return [f'{path}: cannot be read: {type(error).__name__}: {_short(error)}']


def _short(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help='Episodes, or folders that hold some.')],
    rebuild: Annotated[
        bool, typer.Option('--rebuild', help='Also make every tick again and compare.')
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check files, checksums, counts and ticks; exit 1 and say what is wrong."""
    episodes = [episode for path in paths for episode in expand(path)]
    wrong = {str(path): _check(path, rebuild) for path in episodes}
    broken = {path: problems for path, problems in wrong.items() if problems}
    if as_json:
        typer.echo(json.dumps({'checked': len(wrong), 'whole': not broken, 'wrong': broken}))
    else:
        for path, problems in wrong.items():
            typer.echo(f'{path}: {"not whole" if problems else "whole"}')
            for problem in problems:
                typer.echo(f'- {problem}', err=True)
    if not wrong:
        typer.echo(f'no episode in {", ".join(map(str, paths))}', err=True)
    raise typer.Exit(1 if broken or not wrong else 0)


def expand(path: Path) -> list[Path]:
    """An episode itself, or all below a folder; what is missing stays, to be reported."""
    if path.is_file() or not path.is_dir() or list(path.glob('*.mcap')):
        return [path]
    return list_episodes(path, active=True)


@app.command('export-video')
def export_video_command(
    episode: Annotated[Path, typer.Argument(help='Episode directory.')],
    output: Annotated[Path | None, typer.Argument(help='.mp4 or .avi to write.')] = None,
    stream: Annotated[str, typer.Option(help='Image stream; the first one unless given.')] = '',
    contract: Annotated[str, typer.Option(help="Another contract than the episode's own.")] = '',
) -> None:
    """Write a film: the picture of every tick with its number, action and reward."""
    output = output or Path(f'{episode.name}.mp4')
    try:
        frames = export_video(
            episode,
            output,
            stream=stream,
            contract=load_contract(contract) if contract else None,
        )
    except UNREADABLE as error:
        typer.echo(f'world-model: {error}', err=True)
        raise typer.Exit(1) from error
    typer.echo(f'{output}: {frames} ticks')
