# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench circles`: its options, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from world_model_ros.bench.circles import draw, read_runs, summary
from world_model_ros.cli._arguments import installed, new_file


def circles_command(
    files: Annotated[list[Path], typer.Argument(help='JSON of `bench circle`, one per seed.')],
    curve: Annotated[
        Path | None, typer.Option(help='Picture (PNG) of all seeds, returns over minutes.')
    ] = None,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Put several seeds of `bench circle` side by side."""
    try:
        runs = read_runs(files)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if curve is not None:
        installed('train', 'matplotlib')
        new_file(curve, '--curve')
    figures = summary(runs)
    for name, value in figures.items():
        typer.echo(f'{name:<34} {value}')
    if as_json:
        typer.echo(json.dumps(figures))
    if curve is not None:
        draw(curve, runs)
