# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `bundle` verb: says whether an exported model is whole; writes an untrained one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from world_model_ros.bundle import BundleError, check_bundle, find_bundle
from world_model_ros.cli._arguments import learnable, refuse

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def _root() -> None:
    """Work with exported models."""


@app.command()
def check(
    bundle: Annotated[
        str, typer.Argument(help='Bundle directory (holds manifest.json), or a shipped name.')
    ],
    as_json: Annotated[bool, typer.Option('--json', help='Print one JSON object.')] = False,
) -> None:
    """Check files, hashes, format, interface and golden vectors; exit 1 and say what is wrong."""
    folder = Path(bundle)
    try:
        if not folder.is_dir():  # a folder is judged as it is, with or without a manifest
            folder = find_bundle(bundle)
        problems = check_bundle(folder)
    except BundleError as error:
        problems = list(error.problems)
    if as_json:
        typer.echo(json.dumps({'bundle': str(folder), 'whole': not problems, 'wrong': problems}))
    elif len(problems) == 1:
        typer.echo(f'{folder} is not whole: {problems[0]}', err=True)
    elif problems:
        typer.echo(f'{folder} is not whole:', err=True)
        for problem in problems:
            typer.echo(f'- {problem}', err=True)
    else:
        typer.echo(f'{folder} is whole')
    raise typer.Exit(1 if problems else 0)


@app.command()
def export(
    contract: Annotated[str, typer.Argument(help='Robot name or contract file.')],
    from_file: Annotated[
        Path, typer.Option('--from', help='Learner file (NAME.learner.safetensors).')
    ],
    out: Annotated[Path, typer.Option(help='Bundle directory to write; must not exist.')],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar='NAME=VALUE', help='A rule of the model to change; repeatable.'),
    ] = None,
) -> None:
    """Export learned weights again, with other rules of the model. Nothing is learned."""
    robot = learnable(contract)
    changes = {}
    for given in model or ():
        name, equals, value = given.partition('=')
        if not (name and equals and value):
            raise typer.BadParameter(f'--model {given}: expected NAME=VALUE')
        changes[name] = value
    from world_model_ros.training.core.learner_file import LearnerFileError
    from world_model_ros.training.export.export_again import export_again

    try:
        export_again(from_file, robot, out, changes)
    except (LearnerFileError, OSError) as error:
        refuse(str(error))
    typer.echo(f'{out} is whole')


@app.command()
def init(
    contract: Annotated[str, typer.Argument(help='Robot name or contract file.')],
    out: Annotated[Path, typer.Option(help='Bundle directory to write; must not exist.')],
    family: Annotated[str, typer.Option(help='World-model family.')] = 'dreamer',
    seed: Annotated[int, typer.Option(help='Of the random weights.')] = 0,
) -> None:
    """Write a bundle with untrained weights, to try a robot's cost and wiring before it learned.

    Its policy has learned nothing: use it in shadow.
    """
    robot = learnable(contract)
    from world_model_ros.families.family_registry import FamilyError
    from world_model_ros.training.export.untrained import export_untrained

    try:
        export_untrained(robot, family, out, seed)
    except (FamilyError, OSError) as error:
        refuse(str(error))
    typer.echo(
        f'{out} is whole; its policy has learned nothing. To learn from recordings:\n'
        f'  world-model train episodes --contract {contract} --from-scratch'
    )
