# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench align`: what finding the changed camera is worth, before anything else is learned."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.cli._arguments import known_reality, refuse, simulated
from world_model_ros.cli._reported import reported
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.evaluation.seeds import report_seeds, seed_list
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
    from world_model_ros.training.align_figures import Outcome, bench_align, shipped_learner

    try:
        contract = load_contract(find_robot(robot))
        shipped_learner(contract)
    except (ValueError, OSError) as error:
        refuse(str(error))
    body = known_reality(reality or f'shifted_{contract.name}')
    simulated(contract)
    figures: dict[str, Any] = {
        'bench': 'align',
        'robot': robot,
        'reality': body.name,
        'episodes': episodes,
        'seed_list': seed_list(report_seeds(episodes)),
        'seed': seed,
        'simulator': simulator,
        'machine': machine(),
    }
    outcome = Outcome()
    doing = ''
    with reported(figures, _show, as_json=as_json):
        try:
            for step in bench_align(
                contract, body, report_seeds(episodes), seed, simulator, outcome
            ):
                if step != doing:
                    typer.echo(step, err=True)
                doing = step
        finally:
            figures |= {'events': outcome.events, 'returns': outcome.returns}
            if outcome.seconds is not None:
                figures['seconds'] = round(outcome.seconds, 1)
            for name, values in outcome.returns.items():
                figures |= mean_interval(values).entry(name.replace(' ', '_'))


def _show(figures: dict[str, Any]) -> None:
    for event in figures['events']:
        typer.echo('  '.join(f'{key} {value}' for key, value in event.items()))
    for name, values in figures['returns'].items():
        typer.echo(f'{name:30s} {mean_interval(values)}')
    if 'seconds' in figures:
        typer.echo(f'aligned in {figures["seconds"]:.0f} s')
