# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `contract` verb: whether a robot file serves, and what it means in plain words."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from world_model_ros.contract import (
    ContractError,
    contract_hash,
    contract_warnings,
    find_robot,
    interface_hash,
    load_contract,
)
from world_model_ros.contract.meaning import meaning

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def _root() -> None:
    """Work with robot files."""


@app.command()
def check(
    contract: Annotated[str, typer.Argument(help='Path of a robot file, or a shipped name.')],
    as_json: Annotated[bool, typer.Option('--json', help='Print one JSON object.')] = False,
) -> None:
    """List what is wrong with a robot file (exit 1), or say what it means (exit 0)."""
    try:
        path = find_robot(contract)
        loaded = load_contract(path)
    except ContractError as error:
        problems = [str(problem) for problem in error.problems]
        if as_json:
            typer.echo(json.dumps({'file': error.file, 'valid': False, 'problems': problems}))
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    warnings = contract_warnings(loaded)
    if as_json:
        report = {
            'file': str(path),
            'valid': True,
            'problems': [],
            'warnings': warnings,
            'interface_hash': interface_hash(loaded),
            'contract_hash': contract_hash(loaded),
        }
        typer.echo(json.dumps(report))
        return
    typer.echo(f'{path} is valid. {loaded.name}:')
    for what, text in meaning(loaded):
        typer.echo(f'  {what:<10}{text}')
    for warning in warnings:
        typer.echo(f'warning: {warning}')
