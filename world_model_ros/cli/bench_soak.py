# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench soak`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bench.soak import measure
from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.cli._arguments import simulated
from world_model_ros.cli._reported import reported, say_progress
from world_model_ros.contract import Contract


def soak_command(
    bundle: Annotated[str, typer.Option(help='Bundle folder, or a shipped name.')] = 'reacher',
    ticks: Annotated[
        int | None,
        typer.Option(min=100, help='Ticks to run (default: 1,000,000; with --nodes 100,000).'),
    ] = None,
    iterations: Annotated[int, typer.Option(min=0, help='Planner iterations per tick.')] = 1,
    seed: Annotated[int, typer.Option(help='Of the faults.')] = 0,
    nodes: Annotated[
        bool, typer.Option('--nodes', help='Through the real nodes in lockstep, without faults.')
    ] = False,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Run very many ticks without ROS, with random faults; measure how memory grows."""
    count = ticks or (100_000 if nodes else 1_000_000)
    folder = find_bundle(bundle)
    contract = load_bundle(folder, graphs=()).contract
    figures: dict[str, Any] = {
        'bench': 'soak',
        'bundle': folder.name,
        'ticks': count,
        'nodes': nodes,
        'iterations': iterations,
        'seed': seed,
        'machine': machine(),
    }
    if nodes:
        _through_nodes(contract, folder, count, iterations, figures, as_json=as_json)
        return
    with reported(figures, _show, as_json=as_json):
        measure(contract, folder, count, iterations, seed, figures, say_progress)


def _through_nodes(
    contract: Contract,
    bundle: Path,
    ticks: int,
    iterations: int,
    figures: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    from world_model_ros.bench import soak_nodes

    simulated(contract)
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        robot = Path(temporary) / 'robot.yaml'
        robot.write_text(contract.text, encoding='utf-8')
        soak_nodes.measure(
            contract, robot, bundle, ticks, iterations, Path(temporary), figures, say_progress
        )


def _show(figures: dict[str, Any]) -> None:
    if 'ticks_run' in figures:
        faults = sum(figures.get('faults', {}).values())
        typer.echo(f'{figures["ticks_run"]} ticks, {faults} faults')
    for name, row in {'': figures, **figures.get('processes', {})}.items():
        if 'goal' in row:
            reached = 'yes' if row['goal']['reached'] else 'no'
            text = f'{name} memory grew by {row["growth_mb"]:.2f} MB (goal: {reached})'
            typer.echo(text.strip())
