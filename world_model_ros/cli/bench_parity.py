# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench parity`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bench.parity import run
from world_model_ros.cli._arguments import known_bundle
from world_model_ros.cli._reported import reported
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.experience import list_episodes


def parity_command(
    minutes: Annotated[float, typer.Option(min=0.1, help='How long the robot runs.')] = 10.0,
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    bundle: Annotated[str, typer.Option(help='Bundle folder; the shipped one if empty.')] = '',
    episodes: Annotated[
        Path | None, typer.Option(help='Rebuild these episodes instead of running a robot.')
    ] = None,
    lose: Annotated[
        float, typer.Option(min=0.0, max=1.0, help='Share of messages to leave out first.')
    ] = 0.0,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Rebuild recorded ticks bit for bit; exit 1 if any differs."""
    if episodes is None:
        contract = load_contract(find_robot(robot))
        known_bundle(bundle or contract.name, contract)
    elif not list_episodes(episodes):
        raise typer.BadParameter(f'--episodes {episodes}: no episode there')
    figures: dict[str, Any] = {'bench': 'parity', 'robot': robot, 'lose': lose}
    figures['machine'] = machine()
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        run(robot, bundle, minutes, episodes, lose, Path(temporary), figures)
    if (
        figures['different']
        or figures['unreadable']
        or not (figures['rebuilt'] or figures['approximate'])
    ):
        raise typer.Exit(1)


def _show(figures: dict[str, Any]) -> None:
    if 'episodes' not in figures:
        return
    typer.echo(
        f'{figures["episodes"]} episodes, {figures["ticks"]} ticks: {figures["rebuilt"]} rebuilt, '
        f'{figures["approximate"]} approximate, '
        f'{figures["different"]} different, {figures["unrebuilt"]} unrebuilt, '
        f'{figures["unobserved"]} unobserved, {figures["lost_ticks"]} records lost'
    )
    for problem in (figures['first_problem'], *figures['unreadable']):
        if problem:
            typer.echo(f'- {problem}')
