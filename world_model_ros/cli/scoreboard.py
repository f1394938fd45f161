# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `scoreboard` verb: our returns beside published ones, redrawn from the raw rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from world_model_ros.contract import ContractError, find_robot, load_contract

BENCHMARKS = Path('benchmarks')


def scoreboard_command(
    cells: Annotated[
        Path, typer.Option(help='Folder of raw rows of evaluation episodes.')
    ] = BENCHMARKS / 'results' / 'cells',
    published: Annotated[Path, typer.Option(help='CSV of published scores.')] = BENCHMARKS
    / 'published_scores.csv',
    out: Annotated[Path, typer.Option(help='Folder to write scoreboard.* to.')] = BENCHMARKS,
) -> None:
    """Write scoreboard.csv, .md and .png: per task and step budget, and where we are behind."""
    from world_model_ros.evaluation.rows import RowsError
    from world_model_ros.evaluation.scoreboard import our_entries, read_cells, read_published
    from world_model_ros.evaluation.scoreboard_files import write_board

    try:
        ours = our_entries(read_cells(cells), _offset_ticks)
        paths = write_board(out, ours, read_published(published))
    except (OSError, RowsError) as error:
        typer.echo(f'world-model: {error}', err=True)
        raise typer.Exit(1) from error
    typer.echo(f'{len(ours)} entries of ours: {", ".join(map(str, paths))}')


def _offset_ticks(robot: str) -> int | str:
    """Of a shipped robot; '' where its robot file is not at hand."""
    try:
        return load_contract(find_robot(robot)).offset_ticks
    except (ContractError, OSError):
        return ''
