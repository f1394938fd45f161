# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench imagined`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.cli._arguments import known_bundle, refuse
from world_model_ros.cli._reported import reported, say_progress
from world_model_ros.contract import find_robot, load_contract


def imagined_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    bundle: Annotated[str, typer.Option(help='Bundle folder; the shipped one if empty.')] = '',
    start: Annotated[
        str, typer.Option('--from', help='EPISODE@TICK; empty: one is simulated and recorded.')
    ] = '',
    seconds: Annotated[float, typer.Option(min=2.0, help='Of each of the two parts.')] = 30.0,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure an imagined robot: pictures a second alone, and late ticks with an agent in it."""
    from world_model_ros.bench.imagined import measure

    contract = load_contract(find_robot(robot))
    if not contract.image_streams:
        refuse(f'{contract.name}: pictures are counted, and this robot has no camera')
    model = known_bundle(bundle or contract.name, contract)
    figures: dict[str, Any] = {'bench': 'imagined', 'robot': contract.name, 'bundle': model.name}
    figures['machine'] = machine()
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        file = find_robot(robot).resolve()
        folder = Path(temporary)
        measure(contract, file, model, start, seconds, folder, figures, say_progress)


def _show(figures: dict[str, Any]) -> None:
    if alone := figures.get('alone'):
        typer.echo(
            f'alone on one core    {alone["pictures_per_s"]:7.1f} pictures/s   '
            f'{alone["robot_s_per_s"]:5.2f} s of the robot per second'
        )
    if acting := figures.get('acting'):
        typer.echo(
            f'with agent and guard {acting["pictures_per_s"]:7.1f} pictures/s   '
            f'{acting["ticks"]} ticks, {acting["late_ticks"]} late '
            f'({acting["late_share"] * 100:.3f} %), p99 {acting["tick_ms"]["p99"]:.1f} ms'
        )
    for name, reached in figures.get('goals', {}).items():
        typer.echo(f'goal {name}: {"yes" if reached else "no"}')
