# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `demo` verb: the learning loop on one machine, a process for each part, and a live view.

Starts what sim.launch.py starts, over DDS on this machine only, and a trainer beside it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from world_model_ros.cli._arguments import has_body, known_bundle, known_learner
from world_model_ros.cli._live_run import live_run, page_of
from world_model_ros.contract import Contract, find_robot, load_contract
from world_model_ros.deploy.dds import keep_dds_on_this_machine
from world_model_ros.deploy.nodes_table import SIM
from world_model_ros.telemetry.demo_run import default_reality, demo_settings, knock_after
from world_model_ros.telemetry.learning_loop import (
    EVALUATE_EVERY,
    LearningLoop,
    folders,
    missing_for_training,
    prepare,
)
from world_model_ros.telemetry.present_faults import Fault


def demo_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    bundle: Annotated[str, typer.Option(help='Bundle folder; the shipped one if empty.')] = '',
    minutes: Annotated[float, typer.Option(help='Stop after this long; 0: at Ctrl-C.')] = 0.0,
    headless: Annotated[bool, typer.Option('--headless', help='No live view.')] = False,
    json_file: Annotated[
        Path | None, typer.Option('--json', help='Write the figures here at the end.')
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help='Folder of the episodes (default: episodes/ROBOT).')
    ] = None,
    seed: Annotated[int, typer.Option(help='Episode i starts from seed + i.')] = 0,
    speed: Annotated[float, typer.Option(help='Simulated seconds per second.')] = 1.0,
    reality: Annotated[
        str, typer.Option(help='A name or file of config/reality; empty: a changed robot.')
    ] = '',
    knock: Annotated[
        float | None,
        typer.Option(
            '--knock-after',
            min=0.0,
            help='Seconds that the robot acts unchanged first, and records nothing; 0: none '
            '(default: 30 with a live view, when it begins to learn and no --reality is given).',
        ),
    ] = None,
    learn: Annotated[bool, typer.Option(help='Train beside it and swap what it learned.')] = True,
    from_scratch: Annotated[
        bool, typer.Option('--from-scratch', help='Begin with no bundle: explore first.')
    ] = False,
    store: Annotated[str, typer.Option(help='Folder or URL; the only link to the trainer.')] = '',
    plan: Annotated[bool, typer.Option(help='Plan, or only follow the policy.')] = True,
    lockstep: Annotated[
        bool, typer.Option('--lockstep', help='The simulator waits for the agent.')
    ] = False,
    shadow: Annotated[
        bool, typer.Option('--shadow', help='Think and record, command nothing.')
    ] = False,
    view: Annotated[
        bool | None, typer.Option(help='Serve the page for the browser (default: not headless).')
    ] = None,
) -> None:
    """Run a simulated robot that learns; Ctrl-C ends everything."""
    contract = load_contract(find_robot(robot))
    if from_scratch and (bundle or not learn):
        raise typer.BadParameter('--from-scratch takes no --bundle and needs --learn')
    if json_file is not None and (json_file.is_dir() or not json_file.absolute().parent.is_dir()):
        raise typer.BadParameter(f'--json {json_file}: give a file in a folder that exists')
    has_body(contract)
    # A bundle of another robot the agent would refuse, and the robot stand still.
    model = None if from_scratch else known_bundle(bundle or contract.name, contract)
    recorded, learning = folders(contract.name, directory, from_scratch=from_scratch)
    loop = _learns(contract, find_robot(robot), model, store, learning) if learn else None
    logs = Path(tempfile.mkdtemp(prefix='world_model_demo_'))
    watched = not (headless or reality)
    becomes = _path_if_file(
        reality or default_reality(contract.name, learns=learn and not from_scratch)
    )
    settings = demo_settings(
        contract,
        find_robot(robot),
        model,
        recorded,
        logs,
        loop,
        autostart=not shadow,
        plan=plan,
        tick_source='lockstep' if lockstep else '',
        seed=seed,
        speed=speed,
        reality=becomes,
        reality_after=0.0 if shadow else knock_after(knock, becomes, loop, watched=watched),
    )
    keep_dds_on_this_machine()
    console = Console(stderr=headless)
    page = page_of(view, logs, headless=headless)
    title = f'world_model_ros: {contract.name}'
    parts = title, contract, settings, logs, minutes, SIM, console, page, loop
    figures, asked = live_run(*parts, headless=headless)
    console.print(_summary(figures, recorded))
    if json_file is not None:
        json_file.write_text(json.dumps(figures) + '\n', encoding='utf-8')
    _end(figures, logs, console, ended_early=asked)


def _end(figures: dict[str, Any], logs: Path, console: Console, *, ended_early: bool) -> None:
    """Say what went wrong and where more of it stands; exit 1 where the robot is to be seen to."""
    for fault in figures['faults']:
        console.print(f'fault: {Fault(**fault)}', style='red' if fault['now'] else 'yellow')
    for name, lines in figures['died'].items():
        console.print(f'[red]{name} ended early; how, and its last words:[/]')
        console.print('\n'.join(lines), markup=False)
    never = not figures['ticks'] and not ended_early
    if never:
        console.print('[red]The robot never began to act.[/]')
    if figures['died'] or never:
        console.print(f'All words of all processes: {logs}', markup=False)
        raise typer.Exit(1)
    shutil.rmtree(logs, ignore_errors=True)


def _learns(
    contract: Contract, contract_file: Path, model: Path | None, store: str, folder: Path
) -> LearningLoop | None:
    """What learns beside the robot; None, said in one line, where training is not installed."""
    if missing := missing_for_training():
        typer.echo(
            f'world-model: not learning: {", ".join(missing)} not installed (extra `train`)',
            err=True,
        )
        return None
    learner = None if model is None else known_learner(model)
    loop = prepare(contract, contract_file, learner, store, folder)
    if found := loop.found():
        typer.echo(f'world-model: {found}', err=True)
    return loop


def _path_if_file(name: str) -> str:
    return str(Path(name).resolve()) if Path(name).is_file() else name


def _summary(figures: dict[str, Any], directory: Path) -> str:
    times = figures['tick_ms']
    returns = ', '.join(f'{row["return"]:.0f}' for row in figures['returns'])
    learns = 'trainer' in figures
    none = f'none yet (while it explores, every {EVALUATE_EVERY}th is)' if learns else 'none yet'
    return (
        f'{figures["ticks"]} ticks, {figures["late_ticks"]} late, '
        f'p50 {times["p50"]:.1f} ms, p99 {times["p99"]:.1f} ms; '
        f'{figures["recorded"]} episodes, returns of complete episodes: {returns or none}. '
        f'Recorded under {directory}: world-model episodes list {directory}'
    )
