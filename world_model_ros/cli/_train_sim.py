# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`train --sim`: learn in simulation at full speed, from no weights or from a checkpoint."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from world_model_ros.bench.results import INTERRUPTED
from world_model_ros.bundle.layout import OWN_FILES
from world_model_ros.cli._arguments import new_file
from world_model_ros.contract import find_robot, load_contract, unlearnable
from world_model_ros.own_folder import check_own

if TYPE_CHECKING:
    import numpy as np

    from world_model_ros.robots import Reality
    from world_model_ros.training.core.run import Run

PREFILL, PREFILL_FROM = 2_000, 500  # decisions before the first update; with weights: the policy's


def train_in_simulation(
    sim: str,
    frames: int,
    out: Path | None,
    *,
    seed: int,
    randomize: Path | None,
    reality: str,
    from_file: Path | None,
    decisions_per_update: float,
    threads: int,
    plan: bool,
    max_hours: float,
    bundle: Path | None,
    policy_margin: float | None,
) -> None:
    """Live and learn for so many frames; export a bundle at the end where one is asked for."""
    from world_model_ros.robots import (
        BodyError,
        RealityError,
        load_ranges,
        load_reality,
        sample_reality,
    )
    from world_model_ros.training.core.learner_file import LearnerFileError, read_shipped
    from world_model_ros.training.core.run import Run, RunConfig

    contract = load_contract(find_robot(sim))
    if refused := unlearnable(contract):
        _refuse('; '.join(refused))
    folder = out or Path('runs') / f'{contract.name}_seed{seed}'
    config = RunConfig(
        frames=frames,
        seed=seed,
        threads=threads,
        decisions_per_update=decisions_per_update,
        prefill=min(PREFILL_FROM if from_file else PREFILL, frames // contract.frames_per_tick),
    )
    try:
        body = load_reality(reality)
        ranges = load_ranges(randomize) if randomize else None
    except RealityError as error:
        _refuse(str(error))
    if bundle is not None:  # found out now, not after hours of training
        new_file(bundle.absolute().with_name(f'{bundle.name}.tmp'), '--bundle')
        if bundle.exists() and not bundle.is_dir():
            raise typer.BadParameter(f'--bundle {bundle}: is a file; give a folder')
        try:
            check_own(bundle, OWN_FILES)
        except FileExistsError as error:
            raise typer.BadParameter(f'--bundle {error}') from None

    def realities(rng: np.random.Generator) -> Reality:
        return body if ranges is None else sample_reality(rng, ranges)

    if frames == 0 and bundle is None:
        raise typer.BadParameter('--frames 0 trains nothing; give --bundle to export untrained')
    try:
        start = None if from_file is None else read_shipped(from_file, contract)
    except LearnerFileError as error:
        _refuse(str(error))
    try:
        run = Run(contract, folder, config, realities=realities, scored_in=body, start=start)
    except BodyError as error:
        _refuse(
            f'{error}. A robot without a simulated body learns from its own recordings: start '
            'robot.launch.py with explore:=true, then run `world-model train --store`'
        )
    if plan or frames > 0:
        hours = _plan(run)
        if plan:
            return
        if hours > max_hours:
            typer.echo(
                f'refused: about {hours:.1f} h expected, --max-hours is {max_hours}; live fewer '
                f'--frames or raise --decisions-per-update',
                err=True,
            )
            raise typer.Exit(2)
    if frames > 0:
        columns = (
            TextColumn('{task.description}'),
            BarColumn(),
            TextColumn('{task.percentage:.0f}%'),
            TimeRemainingColumn(),
        )
        with Progress(*columns) as bar:
            task = bar.add_task('training', total=frames, completed=run.frames)

            def show(figures: dict[str, float]) -> None:
                score = figures['return']
                text = 'not yet evaluated' if score is None else f'return {score:.0f}'
                bar.update(task, completed=figures['frames'], description=text)

            with _leaves_in_order(run):
                run.go(show)
        typer.echo(json.dumps(run.summary()))
        if run.leaving and run.decisions < run.total_decisions:
            typer.echo(f'stopped early; the same command goes on from {folder}', err=True)
            raise typer.Exit(INTERRUPTED)
    if bundle is not None:
        from world_model_ros.planning.mppi import PlannerConfig
        from world_model_ros.training.export.bundle import export_bundle

        provenance = {
            'frames': run.frames,
            'decisions': run.decisions,
            'replay_ratio': run.replay_ratio,
            'seed': seed,
            'reality': body.name if ranges is None else f'drawn from {randomize}',
            'from': None if from_file is None else str(from_file),
        }
        planner = start.planner if start is not None else None
        planner = planner or PlannerConfig(gamma=run.learner.discount)
        if policy_margin is not None:
            planner = dataclasses.replace(planner, policy_margin=policy_margin)
        export_bundle(run.learner, bundle, provenance, planner)
        typer.echo(f'bundle written to {bundle}')
    if frames > 0 and (folder / 'curve.csv').is_file():  # last: a picture is not worth a bundle
        from world_model_ros.training.judge.plot import plot_curve

        plot_curve(folder / 'curve.csv', folder / 'curve.png')


@contextlib.contextmanager
def _leaves_in_order(run: Run) -> Iterator[None]:
    """The first SIGINT or SIGTERM asks for the end with all that was learned; the second is it."""

    def ask(number: int, _frame: FrameType | None) -> None:
        run.leaving = True
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refuse(text: str) -> NoReturn:
    typer.echo(f'world-model: {text}', err=True)
    raise typer.Exit(1)


def _plan(run: Run) -> float:
    """Print decisions, updates and expected hours as one JSON object; return the hours."""
    config = run.config
    todo = run.total_decisions - run.decisions
    updates = todo / config.decisions_per_update
    while run.decisions < max(256, run.learner.config.length * config.lanes + config.lanes):
        run.replay.add(run.lanes.ticks())
        run.lanes.act(None)
    clock = time.monotonic()
    for _ in range(20):
        run.lanes.act(run.model)
    live = (time.monotonic() - clock) / 20 / config.lanes
    trial = copy.deepcopy(run.learner)
    trial.update(run.batch())
    clock = time.monotonic()
    for _ in range(5):
        trial.update(run.batch())
    update = (time.monotonic() - clock) / 5
    hours = (todo * live + updates * update) / 3600
    typer.echo(
        json.dumps(
            {
                'decisions': todo,
                'updates': int(updates),
                'decision_ms': round(live * 1e3, 2),
                'update_ms': round(update * 1e3, 1),
                'hours': round(hours, 2),
                'parameters': sum(p.numel() for p in run.model.parameters()),
            }
        )
    )
    return hours
