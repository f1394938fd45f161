# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench run`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.all_nodes import run
from world_model_ros.bench.measure import machine
from world_model_ros.cli._arguments import fresh_folder, known_bundle
from world_model_ros.cli._reported import reported
from world_model_ros.contract import find_robot, load_contract


def run_command(
    minutes: Annotated[float, typer.Option(min=0.1, help='How long the robot runs.')] = 10.0,
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    bundle: Annotated[str, typer.Option(help='Bundle folder; the shipped one if empty.')] = '',
    keep: Annotated[Path | None, typer.Option(help='Keep episodes and logs here.')] = None,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Run everything and measure late ticks, jitter, guard latency and processor use."""
    contract = load_contract(find_robot(robot))
    known_bundle(bundle or contract.name, contract)
    if keep is not None:
        fresh_folder(keep, '--keep')
    figures: dict[str, Any] = {'bench': 'run', 'robot': robot, 'minutes': minutes}
    figures['machine'] = machine()
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        folder = (keep or Path(temporary)).resolve()
        run(contract, robot, bundle, minutes, folder, figures)
    if figures['died']:
        raise typer.Exit(1)


def _show(figures: dict[str, Any]) -> None:
    """Print a short table."""
    if 'ticks' in figures:
        share = figures['late_share'] * 100
        typer.echo(f'ticks {figures["ticks"]}   late {figures["late_ticks"]} ({share:.3f} %)')
    for name in ('tick_ms', 'spare_ms', 'tick_jitter_ms', 'guard_jitter_ms', 'guard_latency_ms'):
        if row := figures.get(name):
            typer.echo(f'{name:<17} p50 {row["p50"]:8.3f}   p99 {row["p99"]:8.3f}')
    if late := figures.get('control', {}).get('wake_late_ms'):
        typer.echo(
            f'sleeping control  p50 {late["p50"]:8.3f}   p99 {late["p99"]:8.3f}   '
            f'late {figures["control"]["late_share"] * 100:.3f} %'
        )
    for name, row in figures.get('cpu', {}).items():
        typer.echo(f'{name:<17} {row["cores"]:.3f} cores   {row["memory_mb"]:.0f} MB')
    if figures.get('died'):
        typer.echo(f'died: {figures["died"]}', err=True)
