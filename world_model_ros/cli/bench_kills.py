# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench kills`: its options, and what is printed."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.kills import PROCESSES, ZERO, Run, short_contract
from world_model_ros.bench.measure import machine
from world_model_ros.cli._arguments import fresh_folder, known_bundle
from world_model_ros.cli._reported import reported, say_progress
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.deploy.dds import keep_dds_on_this_machine
from world_model_ros.deploy.supervisor import StopRequest
from world_model_ros.telemetry.learning_loop import missing_for_training


def kills_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'cartpole',
    rounds: Annotated[int, typer.Option(min=1, help='Kills of each process.')] = 20,
    process: Annotated[
        list[str] | None, typer.Option(help='Kill only this one; may be given again.')
    ] = None,
    seed: Annotated[int, typer.Option(help='Of the moments of the kills.')] = 0,
    bundle: Annotated[str, typer.Option(help='Bundle folder; the shipped one if empty.')] = '',
    keep: Annotated[Path | None, typer.Option(help='Keep episodes, store and logs here.')] = None,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Kill each process ROUNDS times at random moments; exit 1 if anything was lost.

    Ctrl-C ends it early: the figures then are of the kills until then.
    """
    names = tuple(process or PROCESSES)
    if foreign := set(names) - set(PROCESSES):
        raise typer.BadParameter(
            f'--process {", ".join(sorted(foreign))}: expected one of {", ".join(PROCESSES)}'
        )
    if missing := missing_for_training():
        raise typer.BadParameter(f'not installed (extra `train`): {", ".join(missing)}')
    contract = load_contract(find_robot(robot))
    model = known_bundle(bundle or contract.name, contract)
    if keep is not None:
        fresh_folder(keep, '--keep')
    keep_dds_on_this_machine()
    stop = StopRequest()
    figures: dict[str, Any] = {'bench': 'kills', 'robot': robot, 'rounds': rounds, 'seed': seed}
    figures['machine'] = machine()
    with tempfile.TemporaryDirectory(prefix='world_model_kills_') as temporary:
        folder = (keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        run = Run(folder, short_contract(robot, folder), model, stop, say_progress)
        with reported(figures, _show, as_json=as_json):
            run.live(names, rounds, random.Random(seed), figures)
    if any(figures[name] for name in ZERO):
        raise typer.Exit(1)


def _show(figures: dict[str, Any]) -> None:
    if 'back_s' not in figures:
        return  # it ended before anything was counted
    for name, row in figures['back_s'].items():
        typer.echo(
            f'{name:<10} {figures["kills"][name]:3d} kills   back after p50 {row["p50"]:6.2f} s   '
            f'max {row["max"]:6.2f} s   longest pause {figures["pause_s"][name]["max"]:6.2f} s'
        )
    for name in (*ZERO, 'sealed', 'stored', 'recovered', 'releases', 'acted'):
        typer.echo(f'{name:<20} {figures[name]}')
    for name, rows in figures['problems'].items():
        typer.echo(f'{name}: {json.dumps(rows)}', err=True)
