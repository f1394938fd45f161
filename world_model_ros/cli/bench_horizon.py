# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench horizon`: its options, and what is printed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from world_model_ros.bench.horizon import HEADLINE, run
from world_model_ros.bench.measure import machine
from world_model_ros.bundle import find_bundle
from world_model_ros.bundle.manifest import read_manifest
from world_model_ros.cli._arguments import known_bundle, known_learner, refuse, simulated
from world_model_ros.cli._reported import reported
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.evaluation.seeds import HELD_OUT


def horizon_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    bundle: Annotated[
        str, typer.Option(help='Bundle with its learner file beside it; the shipped one if empty.')
    ] = '',
    episodes: Annotated[
        int, typer.Option(min=2, max=len(HELD_OUT), help='Held-out episodes to simulate.')
    ] = len(HELD_OUT),
    explore: Annotated[
        bool, typer.Option(help='With the noise of training lanes, or the policy alone.')
    ] = True,
    threads: Annotated[int, typer.Option(min=1, help='Torch threads.')] = 1,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Predict ten seconds open loop; report how long that beats copying the last frame."""
    contract = load_contract(find_robot(robot))
    folder = find_bundle(bundle or contract.name)
    known_bundle(folder, contract)
    known_learner(folder)
    simulated(contract)
    from world_model_ros.training.bench_eager import use_threads

    use_threads(threads)
    figures: dict[str, Any] = {
        'bench': 'horizon',
        'robot': contract.name,
        'bundle': folder.name,
        'bundle_sha': read_manifest(folder)[1],
        'explore': explore,
        'headline': HEADLINE,
        'machine': machine(),
    }
    with reported(figures, _show, as_json=as_json):
        try:
            run(folder, episodes, explore, figures, lambda text: typer.echo(text, err=True))
        except ValueError as error:
            refuse(str(error))


def _show(figures: dict[str, Any]) -> None:
    for name, found in figures.get('streams', {}).items():
        typer.echo(f'{name}: {found["error"]}')
        for baseline, row in found['useful_horizon_s'].items():
            low, high = row['interval']
            end = ', to the end' if row['to_the_end'] else ''
            if not row['seconds'] and (stretch := row['first_better_s']):
                end = f', but from {stretch[0]:.2f} to {stretch[1]:.2f} s'
            typer.echo(
                f'  better than {baseline:10s} for {row["seconds"]:6.2f} s [{low:.2f}, {high:.2f}]'
                f'{end}; in {row["better_share"]:.0%} of all ticks'
            )
        seconds = '  '.join(f'{second:7.1f}' for second in found['curve_s'])
        typer.echo(f'  {"s":10s}{seconds}')
        for variant, curve in found['curves'].items():
            row = '  '.join(f'{value:7.3f}' for value in curve['mean'])
            typer.echo(f'  {variant:10s}{row}')
