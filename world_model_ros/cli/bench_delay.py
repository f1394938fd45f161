# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench delay`: its options, and what is printed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bundle import find_bundle
from world_model_ros.cli._arguments import known_bundle, refuse, simulated
from world_model_ros.cli._reported import reported, say_progress
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.evaluation.seeds import SELECTION, report_seeds, seed_list


def delay_command(
    robot: Annotated[str, typer.Option(help='A robot with a simulated body.')] = 'cartpole',
    bundle: Annotated[str, typer.Option(help='Bundle folder (default: the shipped one).')] = '',
    delay: Annotated[float, typer.Option(help='Of the driver, s.')] = 0.1,
    extra_delay: Annotated[
        float | None, typer.Option(help='Taken into account, s (default: as measured).')
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, max=100, help='Report seeds to score.')] = 20,
    selection: Annotated[
        bool,
        typer.Option(
            '--selection', help='Use the 20 selection seeds (for tuning, not for reports).'
        ),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help='Processes to run in parallel.')] = 1,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure what a slow driver costs, and what imagining over its delay regains."""
    from world_model_ros.bench.delay import measure, slow_driver

    contract = load_contract(find_robot(robot))
    simulated(contract)
    folder = find_bundle(bundle or contract.name)
    known_bundle(folder, contract)
    try:
        slow_driver(contract, delay)
    except ValueError as error:
        refuse(str(error))
    seeds = list(SELECTION)[:episodes] if selection else report_seeds(episodes)
    figures: dict[str, Any] = {
        'bench': 'delay',
        'robot': contract.name,
        'bundle': folder.name,
        'delay_ms': round(1e3 * delay, 1),
        'seeds': [seeds[0], seeds[-1]],
        'seed_list': seed_list(seeds),
        'machine': machine(),
    }
    with reported(figures, _show, as_json=as_json):
        measure(contract, folder, delay, extra_delay, seeds, jobs, figures, say_progress)


def _show(figures: dict[str, Any]) -> None:
    for name in ('nominal', 'delayed', 'compensated'):
        if name in figures:
            low, high = figures[f'{name}_interval']
            typer.echo(f'{name:<12} {figures[name]:6.1f} [{low:.1f}, {high:.1f}]')
    if 'loss' in figures:
        typer.echo(f'the delay costs {figures["loss"]:.0%} of the nominal return')
    if 'regained' in figures:
        low, high = figures['regained_interval']
        typer.echo(f'regained     {figures["regained"]:.3f} [{low:.3f}, {high:.3f}]')
