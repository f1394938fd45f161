# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `demonstrate` verb: recordings of a robot that a scripted controller drives by hand.

Starts what sim.launch.py starts, over DDS on this machine only.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from world_model_ros.cli._arguments import known_reality, refuse
from world_model_ros.cli._live_run import page_of
from world_model_ros.contract import Contract, find_robot, load_contract
from world_model_ros.deploy.dds import keep_dds_on_this_machine
from world_model_ros.deploy.supervisor import StopRequest, Supervisor
from world_model_ros.experience import list_episodes
from world_model_ros.telemetry.demo_run import run
from world_model_ros.telemetry.demonstration import (
    Enough,
    demonstration_settings,
    recorded,
    returns_of,
)
from world_model_ros.telemetry.present_faults import Fault

if TYPE_CHECKING:
    from world_model_ros.telemetry.demo_run import Ears
    from world_model_ros.telemetry.robot_view import RobotView


def demonstrate_command(
    robot: Annotated[str, typer.Argument(help='Robot name or contract file.')],
    episodes: Annotated[int, typer.Option(min=1, help='How many.')] = 10,
    out: Annotated[
        Path | None,
        typer.Option(help='Folder of the episodes (default: episodes/ROBOT_demonstrated).'),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help='Episode i starts from seed + i.')] = 0,
    reality: Annotated[str, typer.Option(help='A name or file of config/reality.')] = 'nominal',
    real_time: Annotated[
        bool, typer.Option('--real-time', help='Keep to the clock, not in lockstep.')
    ] = False,
    view: Annotated[
        bool, typer.Option('--view', help='Serve the page for the browser; prints its address.')
    ] = False,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Record the scripted controller of a simulated body, which drives by teleoperation.

    Its commands go through the guard, as a person's do. Each tick that it drives is marked as an
    intervention of source teleop.
    """
    file = find_robot(robot)
    contract = load_contract(file)
    folder = out or Path('episodes') / f'{contract.name}_demonstrated'
    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f'--out {folder}: is a file; give a folder')
    known_reality(reality)
    _can_demonstrate(contract)
    logs = Path(tempfile.mkdtemp(prefix='world_model_demonstrate_'))
    where = str(Path(reality).resolve()) if Path(reality).is_file() else reality
    settings = demonstration_settings(
        contract, file, episodes, folder, logs, seed=seed, reality=where, real_time=real_time
    )
    before = list_episodes(folder) if folder.exists() else []
    keep_dds_on_this_machine()
    stop, supervisor = StopRequest(), Supervisor(logs)
    page = page_of(view, logs, headless=True)
    if page is not None:
        settings = page.added_to(settings)

    def listen() -> Ears:
        from world_model_ros.nodes._monitor import Monitor

        return Monitor(contract.episode.max_ticks)

    progress = Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with progress as bar:
        task = bar.add_task('episodes', total=episodes)

        def show(view: RobotView, _running_s: float) -> None:
            bar.update(task, completed=recorded(view))
            if page is not None and (words := page.news()):
                bar.console.print(words, markup=False, highlight=False, soft_wrap=True)

        figures = run(
            contract,
            settings,
            supervisor,
            stop,
            0.0,
            None,
            listen,
            show,
            enough=Enough(episodes),
        )
    _end(figures, contract, folder, before, logs, episodes, seed, reality, as_json=as_json)


def _can_demonstrate(contract: Contract) -> None:
    """Refuse a robot without a simulated body, or whose body has no scripted controller."""
    from world_model_ros.robots import BodyError, SimRobot

    try:
        robot = SimRobot(contract, 0)
        try:
            robot.demonstrate()
        finally:
            robot.close()
    except BodyError as error:
        refuse(str(error))


def _end(
    figures: dict[str, Any],
    contract: Contract,
    folder: Path,
    before: list[Path],
    logs: Path,
    episodes: int,
    seed: int,
    reality: str,
    *,
    as_json: bool,
) -> None:
    """Say what was recorded; exit 1 where it is less than was asked for."""
    returns = returns_of([path for path in list_episodes(folder) if path not in before])
    count = len(returns)
    whole = count >= episodes and not figures['died']
    shown = ', '.join(f'{value:.1f}' for value in returns[:20]) or 'none'
    typer.echo(
        f'{count} of {episodes} episodes recorded under {folder}; returns {shown}'
        f'{", …" if len(returns) > 20 else ""}',
        err=as_json,
    )
    if whole:
        typer.echo(
            f'learn from them: world-model train {folder} --contract {contract.name} '
            '--from-scratch --imitate',
            err=True,
        )
    if as_json:
        typer.echo(
            json.dumps(
                {
                    'robot': contract.name,
                    'reality': reality,
                    'seed': seed,
                    'episodes': episodes,
                    'recorded': count,
                    'returns': returns,
                    'ticks': figures['ticks'],
                    'died': figures['died'],
                    'folder': str(folder),
                }
            )
        )
    if not whole:
        for fault in figures['faults']:
            typer.echo(f'fault: {Fault(**fault)}', err=True)
        for name, lines in figures['died'].items():
            typer.echo(f'{name} ended early: {" | ".join(lines)}', err=True)
        typer.echo(f'All words of all processes: {logs}', err=True)
        raise typer.Exit(1)
    shutil.rmtree(logs, ignore_errors=True)
