# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `episodes` verb: what was recorded, whether it is whole, and films of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from world_model_ros.cli import episodes_import, episodes_label
from world_model_ros.cli._arguments import refuse
from world_model_ros.contract import load_contract
from world_model_ros.experience import (
    EpisodeError,
    export_video,
)
from world_model_ros.experience.bag import ACTIVE_SUFFIX
from world_model_ros.experience.read.describe import describe_folder, episodes_at, problems_of
from world_model_ros.onboard.tick.tick_record import TickRecordError
from world_model_ros.wire.cdr import MessageError

app = typer.Typer(no_args_is_help=True, add_completion=False)

AsJson = Annotated[bool, typer.Option('--json', help='End with one JSON object.')]
UUID_WIDTH = 36  # the name is what the other commands take
PIPED_WIDTH = 200  # whoever reads through a pipe wants whole words
_WHERE = (
    'name the folder that the recorder writes to: its parameter `directory`, by default '
    '`episodes` where it was started'
)
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
    if not folder.is_dir():
        refuse(f'{folder}: no such folder; {_WHERE}')
    rows = describe_folder(folder)
    if as_json:
        typer.echo(json.dumps({'folder': str(folder), 'episodes': rows}))
        return
    if not rows:
        typer.echo(f'no episodes in {folder}; {_WHERE}')
        return
    table = Table(box=None, pad_edge=False)
    table.add_column('episode', no_wrap=True, min_width=UUID_WIDTH)
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
            ', '.join(filter(None, _state(row))),
        )
    # A width that is given to print() is cut to that of the console, 80 for a pipe.
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table)


def _state(row: dict[str, Any]) -> tuple[str, ...]:
    """What there is to say of an episode; '' for nothing."""
    imagined = 'imagined' if row.get('imagined') else ''  # the rest is in --json
    return row['state'], imagined, row.get('label', ''), row.get('imported', '')


def _moment(row: dict[str, Any]) -> str:
    """Month, day and time, and the simulator's time beside it: 80 columns are few."""
    parts = (row.get('began', '')[5:16], row.get('simulated_time', ''))
    return ', '.join(part for part in parts if part)


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help='Episodes, or folders that hold some.')],
    rebuild: Annotated[
        bool, typer.Option('--rebuild', help='Also make every tick again and compare.')
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check files, checksums, counts and ticks; exit 1 and say what is wrong."""
    episodes = [episode for path in paths for episode in episodes_at(path)]
    wrong = {str(path): problems_of(path, rebuild=rebuild) for path in episodes}
    broken = {path: problems for path, problems in wrong.items() if problems}
    if as_json:
        typer.echo(json.dumps({'checked': len(wrong), 'whole': not broken, 'wrong': broken}))
    else:
        for path, problems in wrong.items():
            typer.echo(f'{path}: {"not whole" if problems else "whole"}')
            for problem in problems:
                typer.echo(f'- {problem}', err=True)
    if not wrong:
        refuse(f'no episodes in {", ".join(map(str, paths))}; {_WHERE}')
    raise typer.Exit(1 if broken or not wrong else 0)


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


episodes_import.as_commands(app)
episodes_label.as_command(app)
