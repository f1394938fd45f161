# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`episodes import` and `episodes export`: recordings of other people in, datasets out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.cli._arguments import refuse
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.contract.names import NameRefused, check_robot_id
from world_model_ros.experience.read.importers.import_episodes import Imported, import_recording
from world_model_ros.experience.read.importers.import_map import ImportMap, load_map
from world_model_ros.experience.read.importers.import_source import (
    REFUSED,
    ImportRefused,
    open_source,
)

AsJson = Annotated[bool, typer.Option('--json', help='End with one JSON object.')]


def import_command(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar='SOURCE...',
            help='Bags (folders, .mcap, .db3), folders of bags, or LeRobot datasets.',
        ),
    ],
    contract: Annotated[str, typer.Option(help='Robot name or contract file.')],
    out: Annotated[Path, typer.Option(help='Folder for the episodes.')],
    mapping: Annotated[
        Path | None,
        typer.Option('--map', help='What the recordings call the streams of the contract (YAML).'),
    ] = None,
    robot_id: Annotated[str, typer.Option(help='Name of the robot that recorded.')] = 'imported',
    as_json: AsJson = False,
) -> None:
    """Make episodes of rosbag2 recordings and LeRobot datasets, by the code that runs live.

    What is in OUT already is not written again. Exit 1 if something could not be imported.
    """
    robot = load_contract(find_robot(contract))
    try:
        check_robot_id(robot_id, '--robot-id')
        names = load_map(mapping, robot) if mapping is not None else ImportMap()
    except (ImportRefused, NameRefused, OSError) as error:
        refuse(str(error))
    done: list[Imported] = []
    wrong: dict[str, str] = {}
    for source in sources:
        try:
            for found in open_source(source, robot, names):
                if isinstance(found, tuple):
                    wrong[found[0]] = _line(found[1])
                    continue
                for note in found.notes:
                    typer.echo(f'{found.name}: {note}', err=True)
                try:
                    for imported in import_recording(found, robot, out, robot_id):
                        done.append(imported)
                        if not as_json:
                            typer.echo(_shown(imported))
                except REFUSED as error:
                    wrong[found.name] = _line(error)
        except REFUSED as error:
            wrong[str(source)] = _line(error)
    for text in wrong.values():
        typer.echo(f'world-model: {text}', err=True)
    if as_json:
        rows = [imported.as_dict() for imported in done]
        typer.echo(json.dumps({'episodes': rows, 'refused': wrong}))
    elif done:
        ticks = sum(imported.ticks for imported in done)
        typer.echo(f'{out}: {len(done)} episodes, {ticks} ticks')
    raise typer.Exit(1 if wrong or not done else 0)


def export_command(
    episodes: Annotated[list[Path], typer.Argument(help='Episodes, or folders that hold some.')],
    lerobot: Annotated[
        Path, typer.Option('--lerobot', help='New folder for a LeRobot v3.0 dataset.')
    ],
    contract: Annotated[str, typer.Option(help="Another contract than the episodes' own.")] = '',
    task: Annotated[
        str, typer.Option(help='What the robot does, in words; each frame carries it.')
    ] = '',
    as_json: AsJson = False,
) -> None:
    """Write episodes as a LeRobot v3.0 dataset: what the model sees, pictures without loss."""
    from world_model_ros.experience.read.importers.lerobot_export import export_lerobot

    robot = load_contract(find_robot(contract)) if contract else None
    try:
        figures = export_lerobot(list(_episodes(episodes)), lerobot, robot, task)
    except (*REFUSED, ValueError) as error:
        refuse(_line(error))
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        typer.echo(f'{lerobot}: {figures["episodes"]} episodes, {figures["frames"]} frames')


def _episodes(paths: list[Path]) -> Iterator[Path]:
    from world_model_ros.experience.read.describe import episodes_at

    for path in paths:
        yield from episodes_at(path)


def _shown(imported: Imported) -> str:
    """One episode in a line."""
    if imported.already:
        return f'{imported.path}: there already'
    parts = [f'{imported.ticks} ticks', f'actions {imported.actions}']
    if imported.valid < imported.ticks:
        invalid = imported.ticks - imported.valid
        parts.append(f'{invalid} invalid ({imported.first_problem})')
    if imported.outside:
        parts.append(
            f'{imported.outside} actions outside of low and high of the contract: widen them, or '
            'the model cannot tell these apart'
        )
    return f'{imported.path}: {", ".join(parts)}'


def _line(error: Exception) -> str:
    return ' '.join(str(error).split())[:2000]


def as_commands(app: Any) -> None:
    """Add both to the verbs of `episodes`."""
    app.command('import')(import_command)
    app.command('export')(export_command)
