# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `demo` verb: the whole circle on one machine, each part its own process, and a live view.

Starts what sim.launch.py starts, over DDS on this machine only, and a trainer that shares nothing
with it but the store. The supervisor owns the processes; this file owns the command line, the loop
and the figures at the end.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.contract import Contract, config_directories, find_robot, load_contract
from world_model_ros.deploy.nodes_table import SIM, UPDATER, Settings
from world_model_ros.deploy.supervisor import StopRequest, Supervisor
from world_model_ros.telemetry.circle import (
    EVALUATE_EVERY,
    EXPLORE_AMPLITUDE,
    EXPLORE_STD,
    EXPLORE_TICKS,
    Circle,
    folders,
    prepare,
    robot_id,
)
from world_model_ros.telemetry.faults import Fault, find_faults
from world_model_ros.telemetry.terminal import draw

REFRESH_SEC = 0.25
LEARNING = ('trainer', 'updater')  # the robot acts on without them
# Domains that no operating system's ephemeral ports collide with (ROS 2's documentation).
_DOMAINS = range(1, 102)


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
) -> None:
    """Run a simulated robot that learns; Ctrl-C ends everything."""
    contract = load_contract(find_robot(robot))
    if from_scratch and (bundle or not learn):
        raise typer.BadParameter('--from-scratch takes no --bundle and needs --learn')
    if json_file is not None and (json_file.is_dir() or not json_file.absolute().parent.is_dir()):
        raise typer.BadParameter(f'--json {json_file}: give a file in a folder that exists')
    model = None if from_scratch else find_bundle(bundle or contract.name).resolve()
    if model is not None:  # else the agent would refuse it, and the robot stand still
        load_bundle(model, contract, graphs=())
    recorded, learning = folders(contract.name, directory, from_scratch=from_scratch)
    circle = prepare(contract, find_robot(robot), model, store, learning) if learn else None
    if circle is not None and (found := circle.found()):
        typer.echo(f'world-model: {found}', err=True)
    reality = reality or _default_reality(contract.name, learn and not from_scratch)
    logs = Path(tempfile.mkdtemp(prefix='world_model_demo_'))
    settings = Settings(
        contract=str(find_robot(robot).resolve()),
        bundle='' if model is None else str(model),
        explore=circle is not None,
        explore_std=EXPLORE_STD,
        explore_amplitude=EXPLORE_AMPLITUDE,
        explore_ticks=EXPLORE_TICKS,
        evaluate_every=EVALUATE_EVERY if circle is not None else 0,
        robot_id=robot_id(contract),
        directory=str(recorded.resolve()),
        store='' if circle is None else circle.store,
        slots='' if circle is None else str(circle.out.with_name('slots')),
        state_directory=str(logs / 'state'),  # a stop of this demo does not stop the next one
        use_sim_time=True,
        autostart=not shadow,
        plan=plan,
        tick_source='lockstep' if lockstep else '',
        seed=seed,
        speed=speed,
        reality=_path_if_file(reality),
    )
    keep_dds_on_this_machine()
    stop = StopRequest()
    console = Console(stderr=headless)
    supervisor = Supervisor(logs)
    try:
        figures = _run(contract, settings, supervisor, stop, console, minutes, headless, circle)
    finally:
        supervisor.stop()
    console.print(_summary(figures, recorded))
    if json_file is not None:
        json_file.write_text(json.dumps(figures) + '\n', encoding='utf-8')
    _end(figures, logs, console, ended_early=stop.asked.is_set())


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


def keep_dds_on_this_machine() -> None:
    """Never meet another robot, nor another demo, by accident; what the user set stays."""
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    if 'ROS_DOMAIN_ID' not in os.environ:
        os.environ['ROS_DOMAIN_ID'] = str(random.choice(_DOMAINS))


def _default_reality(robot: str, learns: bool) -> str:
    """A changed robot gives the learning something to do."""
    changed = f'shifted_{robot}'
    known = any(
        (folder / 'reality' / f'{changed}.yaml').is_file() for folder in config_directories()
    )
    return changed if learns and known else 'nominal'


def _path_if_file(name: str) -> str:
    return str(Path(name).resolve()) if Path(name).is_file() else name


def _run(
    contract: Contract,
    settings: Settings,
    supervisor: Supervisor,
    stop: StopRequest,
    console: Console,
    minutes: float,
    headless: bool,
    circle: Circle | None,
) -> dict[str, Any]:
    # Children first: a process that already runs threads should not fork.
    supervisor.start(SIM if circle is None else (*SIM, UPDATER), settings)
    if circle is not None:
        supervisor.start_module('trainer', circle.trainer_line())
        circle.start()
    from world_model_ros.nodes._monitor import Monitor

    monitor = Monitor(contract.episode.max_ticks, settings.namespace)
    title = f'world_model_ros: {contract.name}'
    begun_s = time.monotonic()
    try:
        with Live(console=console, auto_refresh=False, transient=False, screen=False) as live:
            while not stop.asked.is_set():
                running_s = time.monotonic() - begun_s
                robot_died = any(child.name not in LEARNING for child in supervisor.died())
                if (minutes and running_s > 60.0 * minutes) or robot_died:
                    break
                if not headless:
                    live.update(
                        draw(
                            title,
                            monitor.view,
                            supervisor.children,
                            running_s,
                            settings.directory,
                            contract.period_s,
                            circle,
                        ),
                        refresh=True,
                    )
                stop.asked.wait(REFRESH_SEC)
        figures = _figures(monitor.view)
        faults = find_faults(monitor.view, supervisor.children, circle)
        figures['faults'] = [asdict(fault) for fault in faults]
        supervisor.stop()  # before the store is asked once more
        figures['died'] = {
            child.name: [child.ending, *child.last_lines()] for child in supervisor.died()
        }
        if circle is not None:
            figures |= {'reality': settings.reality, 'store': circle.store}
            figures['resumed'] = circle.resumed
            figures['releases'] = circle.figures(monitor.view)
            figures['trainer'], figures['updater'] = circle.trainer, circle.updater
        return figures
    finally:
        supervisor.stop()
        monitor.close()


def _figures(view: Any) -> dict[str, Any]:
    agent = view.status('agent')

    def count(key: str) -> int:
        return int(agent.number(key, 0.0))

    return {
        'ticks': max(count('ticks'), view.ticks),  # the agent tells its own once a second
        'late_ticks': count('late_ticks'),
        'tick_ms': {
            'p50': agent.number('tick_ms.p50', 0.0),
            'p99': agent.number('tick_ms.p99', 0.0),
        },
        'skipped_ticks': count('skipped_ticks'),
        'invalid_ticks': count('invalid_ticks'),
        'iterations': agent.number('iterations', 0.0),
        'episodes': len(view.returns),
        'returns': [
            {'time': s.time_s, 'return': s.value, 'release': s.release, 'eval': s.eval}
            for s in view.returns
        ],
        'recorded': int(view.status('recorder').number('episodes', 0.0)),
    }


def _summary(figures: dict[str, Any], directory: Path) -> str:
    times = figures['tick_ms']
    returns = ', '.join(f'{row["return"]:.0f}' for row in figures['returns'])
    learns = 'trainer' in figures
    none = f'none yet (while it explores, every {EVALUATE_EVERY}th is)' if learns else 'none yet'
    return (
        f'{figures["ticks"]} ticks, {figures["late_ticks"]} late, '
        f'p50 {times["p50"]:.1f} ms, p99 {times["p99"]:.1f} ms; '
        f'{figures["recorded"]} episodes, returns of whole ones: {returns or none}. '
        f'Recorded under {directory}: world-model episodes list {directory}'
    )
