# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench view`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.chromium import missing
from world_model_ros.bench.measure import machine
from world_model_ros.bench.view_cost import measure
from world_model_ros.bench.view_drawn import measure_drawn
from world_model_ros.cli._arguments import installed, known_bundle, refuse
from world_model_ros.cli._reported import reported
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.deploy.nodes_table import PAGE_MODULES


def view_command(
    minutes: Annotated[float, typer.Option(min=0.1, help='How long the robot acts.')] = 4.0,
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'cartpole',
    bundle: Annotated[str, typer.Option(help='Bundle folder; the shipped one if empty.')] = '',
    browser: Annotated[
        bool,
        typer.Option(
            '--browser',
            help='Instead: from a tick to its picture in a Chromium.',
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure what a viewer costs the tick, and how old a tick is when the page has it."""
    installed('view', *PAGE_MODULES)
    if browser and (why := missing()):
        refuse(f'--browser: {why}')
    contract = load_contract(find_robot(robot))
    model = known_bundle(bundle or contract.name, contract)
    figures: dict[str, Any] = {'bench': 'view', 'robot': robot, 'minutes': minutes}
    figures['viewer'] = 'browser' if browser else 'draws nothing'
    figures['machine'] = machine()
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as folder,
        reported(figures, _show, as_json=as_json),
    ):
        given = contract, find_robot(robot).resolve(), model, minutes, Path(folder), figures
        (measure_drawn if browser else measure)(*given)


def _show(figures: dict[str, Any]) -> None:
    """Print a short table."""
    for name in ('alone', 'watched'):
        if row := figures.get('command_left_ms', {}).get(name):
            count, late = figures['ticks'][name], figures['late'][name]
            typer.echo(
                f'{name:<8} command left after its time (ms): p50 {row["p50"]:7.2f}   '
                f'p99 {row["p99"]:7.2f}   late {late} of {count}'
            )
    if 'tick_p99_more_ms' in figures:
        typer.echo(f'a viewer adds {figures["tick_p99_more_ms"]:+.2f} ms to p99 (goal: below 1)')
    if 'arrival_p95_ms' in figures:
        typer.echo(
            f'age of a tick when it arrives: p50 {figures["arrival_p50_ms"]:.0f} ms, '
            f'p95 {figures["arrival_p95_ms"]:.0f} ms (goal: 150)'
        )
    if 'drawn_p95_ms' in figures:
        typer.echo(
            f'from a tick to its picture on the screen: p50 {figures["drawn_p50_ms"]:.0f} ms, '
            f'p95 {figures["drawn_p95_ms"]:.0f} ms of {figures["drawn"]} (goal: 150)'
        )
