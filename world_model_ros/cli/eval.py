# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `eval` verb: returns of a bundle by the protocol of docs/evaluation.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from world_model_ros.bundle import find_bundle
from world_model_ros.bundle.manifest import read_manifest
from world_model_ros.contract import find_robot, load_contract

DEFAULT_ARMS = 'plan,policy,blanked,random'


def eval_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')],
    bundle: Annotated[
        Path | None, typer.Option(help='Bundle folder [default: the shipped one].')
    ] = None,
    reality: Annotated[str, typer.Option(help='Reality name or file.')] = 'nominal',
    episodes: Annotated[
        int, typer.Option(help='Report seeds 20000.. to run; 100 is final, fewer a quick look.')
    ] = 20,
    arms: Annotated[
        str, typer.Option(help='What to compare: plan, policy, blanked, scrambled, random.')
    ] = DEFAULT_ARMS,
    iterations: Annotated[
        int | None,
        typer.Option(min=1, help="Planner iterations per tick [default: the bundle's]."),
    ] = None,
    selection: Annotated[
        bool,
        typer.Option(
            '--selection', help='Use the 20 selection seeds (for tuning, not for reports).'
        ),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help='Processes to run in parallel.')] = 1,
    csv: Annotated[Path | None, typer.Option(help='Append one row per episode here.')] = None,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Run the ONNX bundle through onboard code, guard and offset, in lockstep."""
    from world_model_ros.evaluation import (
        SELECTION,
        Job,
        RowsError,
        append_rows,
        git_state,
        make_rows,
        report_seeds,
        run_arms,
        summarise,
    )
    from world_model_ros.robots import BodyError, RealityError, load_reality

    source = git_state()
    contract = load_contract(find_robot(robot))
    chosen = [arm.strip() for arm in arms.split(',') if arm.strip()]
    learned = any(arm != 'random' for arm in chosen)
    folder = find_bundle(bundle or contract.name) if learned else None
    manifest, digest = _manifest(folder)
    try:
        shifted = load_reality(reality)
        seeds = list(SELECTION)[:episodes] if selection else report_seeds(episodes)
        job = Job(contract.text, folder, shifted, iterations)
        console = Console(stderr=True)
        with Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        ) as bar:
            task = bar.add_task('episodes', total=len(seeds) * len(chosen))
            results = run_arms(job, chosen, seeds, jobs, lambda _: bar.advance(task))
        if csv is not None:
            rows = [
                row
                for arm in results.values()
                for row in make_rows(arm, contract, shifted, manifest, digest, source, iterations)
            ]
            append_rows(csv, rows)
    except (BodyError, RealityError, RowsError, ValueError) as error:
        typer.echo(f'world-model: {error}', err=True)
        raise typer.Exit(1) from error
    report = {
        'robot': contract.name,
        'reality': shifted.name,
        'seeds': [seeds[0], seeds[-1]],
        'bundle_sha': digest,
        **summarise(results),
    }
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(_table(report))


def _manifest(folder: Path | None) -> tuple[dict[str, Any], str]:
    if folder is None:
        return {}, ''
    manifest, digest, problems = read_manifest(folder)
    if problems:
        from world_model_ros.bundle import BundleError

        raise BundleError(folder, problems)
    return manifest, digest


def _table(report: dict[str, Any]) -> Table:
    table = Table(
        title=f'{report["robot"]}, {report["reality"]}: {report["episodes"]} episodes '
        f'({report["label"]})'
    )
    table.add_column('figure')
    table.add_column('value', justify='right')
    table.add_column('95 % interval', justify='right')
    for name, value in report.items():
        if isinstance(value, float):
            low_high = report.get(f'{name}_interval')
            table.add_row(
                name,
                f'{value:.3g}' if abs(value) < 1 else f'{value:.1f}',
                f'[{low_high[0]:.1f}, {low_high[1]:.1f}]' if low_high else '',
            )
    return table
