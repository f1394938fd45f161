# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `train-sim` verb: learn in simulation at full speed, from no weights or from given ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from world_model_ros.cli._arguments import (
    FamilyOption,
    LearnOnOption,
    bundle_target,
    has_body,
    learnable,
    refuse,
)
from world_model_ros.cli._reported import INTERRUPTED

if TYPE_CHECKING:
    from world_model_ros.training.core.run import Run


def train_sim_command(
    robot: Annotated[str, typer.Argument(metavar='ROBOT', help='Robot name or contract file.')],
    frames: Annotated[int, typer.Option(min=0, help='Control steps of the task to simulate.')],
    out: Annotated[
        Path | None,
        typer.Option(
            help='Run folder; resumes what lies there (default: runs/ROBOT_seedN).',
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help='Training seed (0-4).')] = 0,
    device: LearnOnOption = 'auto',
    threads: Annotated[int, typer.Option(min=1, help='Torch threads.')] = 2,
    from_file: Annotated[
        Path | None, typer.Option('--from', help='learner.safetensors to go on from.')
    ] = None,
    family: FamilyOption = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Settings of model and learning: a name or file (default: the family's)."
        ),
    ] = None,
    reality: Annotated[
        str | None, typer.Option(help='Simulate this changed robot (default: nominal).')
    ] = None,
    randomize: Annotated[
        Path | None, typer.Option(help='Draw changed robots from this file of ranges.')
    ] = None,
    decisions_per_update: Annotated[float, typer.Option(help='Ticks per update.')] = 4.0,
    demonstrations: Annotated[
        int,
        typer.Option(min=0, help="First ticks, by the body's scripted controller."),
    ] = 0,
    imitate: Annotated[
        bool,
        typer.Option('--imitate', help='Hide rewards: learn to do what was done, nothing more.'),
    ] = False,
    plan: Annotated[
        bool, typer.Option('--plan', help='Measure one update, print the expected hours.')
    ] = False,
    max_hours: Annotated[float, typer.Option(help='Refuse longer runs.')] = 2.0,
    bundle: Annotated[Path | None, typer.Option(help='Export a bundle here at the end.')] = None,
    policy_margin: Annotated[
        float | None, typer.Option(help='How much better a plan must be than the policy.')
    ] = None,
) -> None:
    """Learn a world model in simulation; --frames 0 --bundle DIR exports what was learned."""
    if randomize is not None and reality is not None:
        raise typer.BadParameter('--randomize and --reality exclude each other')
    contract = learnable(robot)
    has_body(contract)
    from world_model_ros.families.device import DeviceError, choose_device
    from world_model_ros.families.family_registry import FamilyError
    from world_model_ros.robots import BodyError, RealityError
    from world_model_ros.training.core.learner_file import LearnerFileError
    from world_model_ros.training.core.recipe_file import RecipeError, read_recipe
    from world_model_ros.training.core.simulated import (
        Source,
        expected,
        export,
        leaves_in_order,
        open_run,
    )

    if bundle is not None:
        bundle_target(bundle)
    elif frames == 0:
        raise typer.BadParameter('--frames 0 trains nothing; give --bundle to export a run')
    folder = out or Path('runs') / f'{contract.name}_seed{seed}'
    try:
        source = Source.find(contract, reality or 'nominal', randomize, from_file)
        run = open_run(
            contract,
            folder,
            source,
            frames=frames,
            seed=seed,
            threads=threads,
            decisions_per_update=decisions_per_update,
            demonstrations=demonstrations,
            imitate=imitate,
            family=family,
            chosen=choose_device(device),
            recipe=None if recipe is None else read_recipe(recipe),
        )
    except (
        BodyError,
        RealityError,
        FamilyError,
        LearnerFileError,
        RecipeError,
        DeviceError,
    ) as error:
        refuse(str(error))
    if frames == 0 and not run.learner.updates:
        refuse(
            f'{folder}: nothing was learned there; for an untrained bundle: world-model bundle '
            f'init {robot} --out {bundle}'
        )
    if (plan or frames > 0) and frames < run.least_frames:
        refuse(
            f'--frames {frames} gives no window to learn from; expected at least '
            f'{run.least_frames} for {robot}'
        )
    typer.echo(f'device {run.chosen.text}', err=True)
    if plan or frames > 0:
        figures = expected(run)
        typer.echo(json.dumps(figures))
        if plan:
            return
        if figures['hours'] > max_hours:
            typer.echo(
                f'refused: about {figures["hours"]:.1f} h expected, --max-hours is {max_hours}; '
                f'simulate fewer --frames or raise --decisions-per-update',
                err=True,
            )
            raise typer.Exit(2)
    if frames > 0:
        with leaves_in_order(run):
            _go(run)
        typer.echo(json.dumps(run.summary()))
        if run.leaving and run.decisions < run.total_decisions:
            typer.echo(f'stopped early; the same command goes on from {folder}', err=True)
            raise typer.Exit(INTERRUPTED)
    if bundle is not None:
        export(run, bundle, source, policy_margin)
        typer.echo(f'bundle written to {bundle}')
    if frames > 0 and (folder / 'curve.csv').is_file():  # last: a picture is not worth a bundle
        from world_model_ros.training.judge.plot import plot_curve

        plot_curve(folder / 'curve.csv', folder / 'curve.png')


def _go(run: Run) -> None:
    """Train behind a progress bar."""
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        TextColumn('{task.percentage:.0f}%'),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task('training', total=run.config.frames, completed=run.frames)

        def show(figures: dict[str, float | None]) -> None:
            score = figures['return']
            text = 'not yet evaluated' if score is None else f'return {score:.0f}'
            bar.update(task, completed=figures['frames'], description=text)

        run.go(show)
