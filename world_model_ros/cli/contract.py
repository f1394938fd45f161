# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `contract` verb: whether a robot file serves, and what it means in plain words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from world_model_ros.cli._arguments import refuse
from world_model_ros.contract import (
    Contract,
    ContractError,
    contract_hash,
    contract_warnings,
    find_robot,
    interface_hash,
    load_contract,
)
from world_model_ros.contract.meaning import meaning
from world_model_ros.onboard.guard.keep_out.loading import load_keep_out
from world_model_ros.onboard.guard.keep_out.margins import NO_MUJOCO

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def _root() -> None:
    """Work with robot files."""


@app.command()
def check(
    contract: Annotated[str, typer.Argument(help='Path of a robot file, or a shipped name.')],
    family: Annotated[
        str, typer.Option(help='Ask this world-model family, too, whether it serves the robot.')
    ] = '',
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
    _, unusable = load_keep_out(loaded, path)
    if unusable.endswith(NO_MUJOCO):  # of this computer, not of the file
        warnings, unusable = [*warnings, NO_MUJOCO], ''
    if unusable:
        _refuse(path, unusable, unusable, as_json)
    if family and (refusal := _family_refusal(family, loaded)):
        _refuse(path, refusal, f'family {family}: {refusal}', as_json)
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


def _refuse(path: Path, problem: str, words: str, as_json: bool) -> NoReturn:
    """Exit with a problem that only shows when the file is used."""
    if as_json:
        typer.echo(json.dumps({'file': str(path), 'valid': False, 'problems': [problem]}))
        raise typer.Exit(1)
    refuse(f'{path}: {words}')


def _family_refusal(name: str, contract: Contract) -> str:
    """Why a family cannot learn from a robot, '' if it can: it is asked for an untrained model."""
    from world_model_ros.families.family_registry import find_family  # loads torch

    try:
        find_family(name).build(contract)
    except ValueError as error:
        return str(error)
    return ''


@app.command()
def init(
    out: Annotated[Path, typer.Option(help='File to write; must not exist.')],
    from_topics: Annotated[
        bool, typer.Option('--from-topics', help='Listen to the live topics.')
    ] = False,
    bag: Annotated[
        Path | None, typer.Option(help='Read this rosbag2 recording: a folder or a file.')
    ] = None,
    name: Annotated[str, typer.Option(help='Of the robot type.')] = 'my_robot',
    namespace: Annotated[
        str, typer.Option(help='Of the robot; topics are written relative to it.')
    ] = '',
    seconds: Annotated[
        float, typer.Option(min=0.5, max=600.0, help='How long to listen; move the robot.')
    ] = 10.0,
    as_json: Annotated[bool, typer.Option('--json', help='Print one JSON object.')] = False,
) -> None:
    """Write a first robot file from live topics or from a bag; each guess is marked CHECK.

    The limits are where the robot was seen: move it by hand or with its own controller meanwhile,
    through all that it may do.
    """
    if from_topics == (bag is not None):
        raise typer.BadParameter('give --from-topics or --bag BAG')
    if out.exists():
        refuse(f'{out} exists; give another --out, or remove it')
    from world_model_ros.bringup.bag_topics import BagError, bag_topics
    from world_model_ros.bringup.draft_contract import NothingHeard, draft_contract

    try:
        if bag is not None:
            heard, source = bag_topics(bag), f'the bag {bag}'
        else:
            from world_model_ros.nodes._overhear import overhear

            heard, source = overhear(seconds, namespace), f'{seconds:g} s of live topics'
        draft = draft_contract(heard, source, name, namespace)
    except (BagError, NothingHeard) as error:
        refuse(str(error))
    out.write_text(draft.text, encoding='utf-8')
    missing = [str(problem) for problem in draft.problems]
    if as_json:
        written = {'file': str(out), 'streams': draft.streams, 'check': draft.doubts}
        typer.echo(json.dumps({**written, 'problems': missing}))
        return
    typer.echo(
        f'{out}: streams {", ".join(draft.streams)}; {len(draft.doubts)} places are marked CHECK: '
        'correct them and delete the comments. Then:'
    )
    for problem in missing:
        typer.echo(f'  - {problem}')
    typer.echo(f'  world-model contract check {out}\n  world-model doctor --contract {out}')
