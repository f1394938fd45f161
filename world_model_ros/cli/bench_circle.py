# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench circle`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.circle import Arms, MildShift, Setup, run, stock_arm, written
from world_model_ros.bench.measure import machine
from world_model_ros.cli._arguments import (
    fresh_folder,
    installed,
    known_bundle,
    known_learner,
    known_reality,
    new_file,
    refuse,
)
from world_model_ros.cli._reported import reported, say_progress
from world_model_ros.contract import find_robot, interface_hash, load_contract
from world_model_ros.telemetry.learning_loop import TRAINER_NEEDS


def circle_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    minutes: Annotated[float, typer.Option(min=0.5, help='How long the robot runs.')] = 30.0,
    reality: Annotated[str, typer.Option(help='The change; empty: shifted_ROBOT.')] = '',
    from_scratch: Annotated[
        bool, typer.Option('--from-scratch', help='No weights at all, on the nominal robot.')
    ] = False,
    bundle: Annotated[str, typer.Option(help='Bundle to start from; the shipped one.')] = '',
    randomised: Annotated[
        Path | None, typer.Option(help='Bundle trained with --randomize; benchmarks/bundles.')
    ] = None,
    oracle: Annotated[
        Path | None, typer.Option(help='Bundle trained in the changed robot; benchmarks/bundles.')
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, max=100, help='Report seeds per arm.')] = 20,
    seed: Annotated[int, typer.Option(help='Of the recorded episodes.')] = 0,
    jobs: Annotated[int, typer.Option(min=1, help='Processes that evaluate.')] = 2,
    keep: Annotated[Path | None, typer.Option(help='Keep store, episodes and logs here.')] = None,
    curve: Annotated[
        Path | None, typer.Option(help='One CSV row per recorded episode, and a PNG beside it.')
    ] = None,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Live, learn and swap in real time; then compare adapted, frozen and the other arms."""
    contract = load_contract(find_robot(robot))
    if curve is not None and curve.suffix == '.png':
        refuse(f'--curve {curve}: name the CSV file; its picture is written beside it')
    changed = 'nominal' if from_scratch else reality or f'shifted_{contract.name}'
    installed('train', *TRAINER_NEEDS, *(['matplotlib'] if curve is not None else []))
    known_reality(changed)
    frozen = None if from_scratch else known_bundle(bundle or contract.name, contract)
    if frozen is not None:
        known_learner(frozen)
    stock = not (from_scratch or reality)
    others = {
        name: known_bundle(other, contract)
        for name, given in (('randomised', randomised), ('oracle', oracle))
        if (other := given or (stock_arm(contract.name, name) if stock else None)) is not None
    }
    if keep is not None:
        fresh_folder(keep, '--keep')
    if curve is not None:
        new_file(curve, '--curve')
    figures: dict[str, Any] = {
        'bench': 'circle',
        'robot': contract.name,
        'reality': changed,
        'minutes': minutes,
        'seed': seed,
        'from_scratch': from_scratch,
        'machine': machine(),
    }
    setup = Setup(
        robot, changed, minutes, seed, bundle, from_scratch, frozen, others, say_progress
    )
    arms = Arms(contract.text, episodes, jobs, say_progress)
    with (
        tempfile.TemporaryDirectory(prefix='world_model_circle_') as temporary,
        reported(figures, _show, as_json=as_json),
        written(figures, arms, curve, seed),
    ):
        try:
            run(
                setup, interface_hash(contract), arms, (keep or Path(temporary)).resolve(), figures
            )
        except MildShift as error:
            refuse(str(error))
    if figures['died']:
        raise typer.Exit(1)


def _show(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        if isinstance(value, float) or name in ('ticks', 'late_ticks'):
            spread = figures.get(f'{name}_interval')
            typer.echo(f'{name:<26} {value:10.3f}   {spread or ""}')
    if figures.get('arms_left_out'):
        typer.echo(f'arms without a bundle, left out: {", ".join(figures["arms_left_out"])}')
