# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench soak`: its options, and what is printed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bench.soak import measure
from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.cli._reported import reported, say_progress


def soak_command(
    bundle: Annotated[str, typer.Option(help='Bundle folder, or a shipped name.')] = 'reacher',
    ticks: Annotated[int, typer.Option(min=100, help='Ticks to run.')] = 1_000_000,
    iterations: Annotated[int, typer.Option(min=0, help='Planner iterations per tick.')] = 1,
    seed: Annotated[int, typer.Option(help='Of the faults.')] = 0,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Run very many ticks without ROS, with random faults; measure how memory grows."""
    folder = find_bundle(bundle)
    contract = load_bundle(folder, graphs=()).contract
    figures: dict[str, Any] = {
        'bench': 'soak',
        'bundle': folder.name,
        'ticks': ticks,
        'iterations': iterations,
        'seed': seed,
        'machine': machine(),
    }
    with reported(figures, _show, as_json=as_json):
        measure(contract, folder, ticks, iterations, seed, figures, say_progress)


def _show(figures: dict[str, Any]) -> None:
    if 'ticks_run' in figures:
        typer.echo(f'{figures["ticks_run"]} ticks, {sum(figures["faults"].values())} faults')
    if 'growth_mb' in figures:
        reached = 'yes' if figures['goal']['reached'] else 'no'
        typer.echo(f'memory grew by {figures["growth_mb"]:.2f} MB (goal: {reached})')
