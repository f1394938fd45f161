# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench align`: what finding the changed camera is worth, before anything else is learned."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from world_model_ros.cli._measure import machine
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.evaluation.seeds import report_seeds
from world_model_ros.evaluation.statistics import mean_interval


def align_command(
    robot: Annotated[str, typer.Option(help='A shipped robot.')] = 'reacher',
    reality: Annotated[str, typer.Option(help='The changed robot; shifted_ROBOT if absent.')] = '',
    episodes: Annotated[int, typer.Option(min=1, max=100, help='Report seeds to score.')] = 20,
    seed: Annotated[int, typer.Option(help='Of what is recorded and drawn.')] = 0,
    simulator: Annotated[bool, typer.Option(help='Pictures of the nominal robot count.')] = True,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Align the shipped weights to a changed robot; score their policy before and after."""
    from world_model_ros.robots import load_reality  # extra: sim
    from world_model_ros.training.bench_align import Outcome, bench_align

    try:
        body = load_reality(reality or f'shifted_{robot}')
        contract = load_contract(find_robot(robot))
    except (ValueError, OSError) as error:
        typer.echo(f'world-model: {error}', err=True)
        raise typer.Exit(1) from error
    doing: Any = ''
    for step in bench_align(contract, body, report_seeds(episodes), seed, simulator):
        if step != doing and not isinstance(step, Outcome):
            typer.echo(step, err=True)
        doing = step
    outcome: Outcome = doing
    for event in outcome.events:
        typer.echo('  '.join(f'{key} {value}' for key, value in event.items()))
    for name, values in outcome.returns.items():
        typer.echo(f'{name:30s} {mean_interval(values)}')
    typer.echo(f'aligned in {outcome.seconds:.0f} s')
    if as_json:
        figures: dict[str, Any] = {
            'bench': 'align',
            'robot': robot,
            'reality': body.name,
            'episodes': episodes,
            'seed': seed,
            'simulator': simulator,
            'seconds': round(outcome.seconds, 1),
            'events': outcome.events,
        }
        for name, values in outcome.returns.items():
            figures |= mean_interval(values).entry(name.replace(' ', '_'))
        figures |= {'returns': outcome.returns, 'machine': machine()}
        typer.echo(json.dumps(figures))
