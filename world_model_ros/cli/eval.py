# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `eval` verb: returns of a bundle by the protocol of docs/explanation/evaluation.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from world_model_ros.bundle import find_bundle
from world_model_ros.bundle.manifest import read_manifest
from world_model_ros.bundle.providers import ProviderSettings, choose
from world_model_ros.bundle.runtime import import_runtime
from world_model_ros.cli._arguments import (
    DeviceOption,
    FallbackOption,
    ProviderOption,
    known_bundle,
    refuse,
    simulated,
)
from world_model_ros.cli._reported import reported
from world_model_ros.contract import find_robot, load_contract

if TYPE_CHECKING:
    from world_model_ros.evaluation import EpisodeResult, Job

DEFAULT_ARMS = 'plan,policy,blanked,random'


def eval_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')],
    bundle: Annotated[
        Path | None, typer.Option(help='Bundle folder (default: the shipped one).')
    ] = None,
    reality: Annotated[str, typer.Option(help='Reality name or file.')] = 'nominal',
    episodes: Annotated[
        int, typer.Option(help='Report seeds 21000.. to run; 100 is final, fewer a quick look.')
    ] = 20,
    arms: Annotated[
        str,
        typer.Option(help='What to compare: plan, policy, blanked, scrambled, random, scripted.'),
    ] = DEFAULT_ARMS,
    iterations: Annotated[
        int | None,
        typer.Option(min=1, help="Planner iterations per tick (default: the bundle's)."),
    ] = None,
    selection: Annotated[
        bool,
        typer.Option(
            '--selection', help='Use the 20 selection seeds (for tuning, not for reports).'
        ),
    ] = False,
    provider: ProviderOption = 'auto',
    device_id: DeviceOption = 0,
    allow_cpu_fallback: FallbackOption = False,
    jobs: Annotated[int, typer.Option(min=1, help='Processes to run in parallel.')] = 1,
    csv: Annotated[Path | None, typer.Option(help='Append one row per episode here.')] = None,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Run the ONNX bundle through onboard code, guard and offset, in lockstep."""
    from world_model_ros.evaluation import (
        ARMS,
        NO_MODEL,
        SELECTION,
        Job,
        RowsError,
        append_rows,
        check_rows,
        git_state,
        make_rows,
        report_seeds,
        seed_list,
        summarise,
    )
    from world_model_ros.robots import BodyError, RealityError, SimRobot, load_reality

    source = git_state()
    contract = load_contract(find_robot(robot))
    simulated(contract)
    chosen = [arm.strip() for arm in arms.split(',') if arm.strip()]
    learned = any(arm not in NO_MODEL for arm in chosen)
    folder = find_bundle(bundle or contract.name) if learned else None
    manifest, digest = _manifest(folder)
    if folder is not None:
        known_bundle(folder, contract)
    results: dict[str, list[EpisodeResult]] = {}
    report: dict[str, Any] = {}
    try:
        if unknown := [arm for arm in chosen if arm not in ARMS]:
            raise ValueError(f'unknown arm {", ".join(unknown)}; there are: {", ".join(ARMS)}')
        if 'scripted' in chosen:  # refused here, before anything is evaluated
            robot_body = SimRobot(contract, 0)
            robot_body.demonstrate()
            robot_body.close()
        if csv is not None:
            check_rows(csv)
        shifted = load_reality(reality)
        seeds = list(SELECTION)[:episodes] if selection else report_seeds(episodes)
        report |= {'robot': contract.name, 'reality': shifted.name, 'bundle_sha': digest}
        report |= {'seeds': [seeds[0], seeds[-1]], 'seed_list': seed_list(seeds)}
        asked = ProviderSettings(provider, device_id, allow_cpu_fallback)
        if learned:
            report['provider'] = choose(asked, import_runtime()).text
        job = Job(contract.text, folder, shifted, iterations, asked)
        with reported(report, _show(as_json), as_json=as_json):
            try:
                _run(job, chosen, seeds, jobs, results)
            finally:
                whole = {arm: rows for arm, rows in results.items() if len(rows) == len(seeds)}
                report |= summarise(whole) if whole else {}
                if csv is not None:
                    append_rows(
                        csv,
                        [
                            row
                            for arm in results.values()
                            for row in make_rows(
                                arm, contract, shifted, manifest, digest, source, iterations
                            )
                        ],
                    )
    except (BodyError, RealityError, RowsError, ValueError) as error:
        refuse(str(error))


def _run(
    job: Job, arms: list[str], seeds: list[int], jobs: int, results: dict[str, list[EpisodeResult]]
) -> None:
    """Run every arm on every seed; each result is kept as soon as it is there."""
    from world_model_ros.evaluation import run_arms

    with Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task('episodes', total=len(seeds) * len(arms))

        def keep(result: EpisodeResult) -> None:
            results.setdefault(result.arm, []).append(result)
            bar.advance(task)

        run_arms(job, arms, seeds, jobs, keep)


def _show(as_json: bool) -> Callable[[dict[str, Any]], None]:
    def show(report: dict[str, Any]) -> None:
        if not as_json and 'episodes' in report:
            Console().print(_table(report))

    return show


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
                _short(value),
                f'[{_short(low_high[0])}, {_short(low_high[1])}]' if low_high else '',
            )
    return table


def _short(value: float) -> str:
    return f'{value:.3g}' if abs(value) <= 1 else f'{value:.1f}'
