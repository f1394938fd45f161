# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench inside`: its options, and what is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.cli._arguments import refuse, simulated
from world_model_ros.cli._reported import reported, say_progress
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.evaluation.rows import SOURCE


def inside_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    policies: Annotated[
        Path | None,
        typer.Option(
            help='Folder of bundles; their returns outside are kept there '
            '(default: benchmarks/policies/ROBOT).'
        ),
    ] = None,
    world: Annotated[
        str, typer.Option(help='Bundle that they are judged in; the shipped one if empty.')
    ] = '',
    episodes: Annotated[
        int, typer.Option(min=1, max=20, help='Selection seeds, inside and outside.')
    ] = 10,
    ticks: Annotated[int, typer.Option(min=1, help='Imagined from each seed.')] = 100,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Rank policies by their return inside of a model, against their return in the simulator."""
    from world_model_ros.bench.inside import InsideError, measure

    contract = load_contract(find_robot(robot))
    simulated(contract)
    folder = policies or SOURCE / 'benchmarks' / 'policies' / contract.name
    if not folder.is_dir():
        refuse(
            f'{folder}: no such folder; expected one with bundles, such as the releases of a run: '
            'name it with --policies'
        )
    judge = load_bundle(find_bundle(world or contract.name), contract, without=('plan', 'policy'))
    figures: dict[str, Any] = {'bench': 'inside', 'robot': contract.name, 'world': judge.name}
    figures['machine'] = machine()
    try:
        with reported(figures, _show, as_json=as_json):
            measure(contract, judge, folder, episodes, ticks, figures, say_progress)
    except InsideError as error:
        refuse(str(error))


def _show(figures: dict[str, Any]) -> None:
    for row in sorted(figures.get('rows', ()), key=lambda row: -float(row['outside'])):
        typer.echo(f'outside {row["outside"]:8.1f}   inside {row["inside"]:8.2f}   {row["name"]}')
    for name in ('spearman', 'spearman_close'):
        if name in figures:
            low, high = figures[f'{name}_interval']
            typer.echo(f'{name:<15} {figures[name]:5.2f} [{low:.2f}, {high:.2f}]')
    for name, reached in figures.get('goals', {}).items():
        typer.echo(f'goal {name}: {"yes" if reached else "no"}')
