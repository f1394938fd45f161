# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench parity`: what the agent saw is rebuilt from the bags, in another process, and compared.

Runs `world-model demo` for some minutes (or takes a folder of episodes), then rebuilds every tick
of every episode in a fresh process. With --lose a share of the recorded messages is left out
first: those ticks must count as unrebuilt, and none may differ. Starts no node itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from world_model_ros.bench.child_demo import run_demo
from world_model_ros.bench.measure import machine
from world_model_ros.bench.results import reported
from world_model_ros.cli._arguments import known_bundle
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.experience import (
    EpisodeError,
    EpisodeReader,
    EpisodeWriter,
    ParityReport,
    list_episodes,
    parity,
)
from world_model_ros.onboard.tick.tick_record import TickRecordError
from world_model_ros.wire.cdr import MessageError

STARTING_S = 120.0  # beyond the minutes asked for: starting, and sealing the last episode


def parity_command(
    minutes: Annotated[float, typer.Option(min=0.1, help='How long the robot runs.')] = 10.0,
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    bundle: Annotated[str, typer.Option(help='Bundle folder; the shipped one if empty.')] = '',
    episodes: Annotated[
        Path | None, typer.Option(help='Rebuild these episodes instead of running a robot.')
    ] = None,
    lose: Annotated[
        float, typer.Option(min=0.0, max=1.0, help='Share of messages to leave out first.')
    ] = 0.0,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Rebuild recorded ticks bit for bit; exit 1 if any differs."""
    if episodes is None:
        contract = load_contract(find_robot(robot))
        known_bundle(bundle or contract.name, contract)
    elif not list_episodes(episodes):
        raise typer.BadParameter(f'--episodes {episodes}: no episode there')
    figures: dict[str, Any] = {'bench': 'parity', 'robot': robot, 'lose': lose}
    figures['machine'] = machine()
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        folder = episodes or Path(temporary) / 'recorded'
        try:
            if episodes is None:
                record(robot, bundle, minutes, folder)
        finally:  # what was recorded until Ctrl-C is rebuilt as well
            if lose:
                thinned = Path(temporary) / 'thinned'
                for number, path in enumerate(list_episodes(folder)):
                    thin(path, thinned, lose, seed=number)
                folder = thinned
            if list_episodes(folder):
                figures |= rebuild_elsewhere(folder)
    if (
        figures['different']
        or figures['unreadable']
        or not (figures['rebuilt'] or figures['approximate'])
    ):
        raise typer.Exit(1)


def _show(figures: dict[str, Any]) -> None:
    if 'episodes' not in figures:
        return
    typer.echo(
        f'{figures["episodes"]} episodes, {figures["ticks"]} ticks: {figures["rebuilt"]} rebuilt, '
        f'{figures["approximate"]} approximate, '
        f'{figures["different"]} different, {figures["unrebuilt"]} unrebuilt, '
        f'{figures["unobserved"]} unobserved, {figures["lost_ticks"]} records lost'
    )
    for problem in (figures['first_problem'], *figures['unreadable']):
        if problem:
            typer.echo(f'- {problem}')


def record(robot: str, bundle: str, minutes: float, folder: Path) -> None:
    """Run all nodes without a view; the recorder leaves its episodes in `folder`."""
    folder.mkdir(parents=True)
    line = ['--robot', robot, '--no-learn', '--reality', 'nominal']
    line += ['--minutes', str(minutes), '--directory', str(folder)]
    line += ['--bundle', bundle] if bundle else []
    seconds = minutes * 60.0 + STARTING_S
    run_demo(line, folder.with_name('demo.json'), lambda demo: demo.wait(seconds))
    if not list_episodes(folder):
        raise FileNotFoundError(
            f'the demo recorded no episode; run `world-model demo --robot {robot}` to see why'
        )


def rebuild_elsewhere(folder: Path) -> dict[str, Any]:
    """Rebuild all episodes of a folder in a process of its own."""
    done = subprocess.run(
        [sys.executable, '-m', 'world_model_ros.cli.bench_parity', str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def rebuild_here(folder: Path) -> dict[str, Any]:
    """Rebuild all episodes of a folder and add up."""
    total, unreadable = ParityReport(), []
    episodes = list_episodes(folder)
    for path in episodes:
        try:
            total.add(parity(path))
        except (EpisodeError, MessageError, TickRecordError, OSError) as error:
            unreadable.append(str(error))
    return {'episodes': len(episodes), **asdict(total), 'unreadable': unreadable}


def thin(episode: Path, target: Path, share: float, seed: int) -> None:
    """Copy an episode without some of its stream messages, as a lossy network would record it."""
    reader = EpisodeReader(episode)
    random = np.random.default_rng(seed)
    streams = {name for role, name in reader.info.topics.items() if role.startswith('stream.')}
    writer = EpisodeWriter(target, reader.info, min_free_bytes=0)
    for message in reader.messages():
        if message.topic in streams and random.random() < share:
            continue
        writer.wait_for_room()
        writer.write(reader.topics[message.topic], message.data, message.log_ns)
    writer.close()
    if not writer.join() or not writer.sealed:
        raise EpisodeError(f'{episode}: the thinned copy was not sealed: {writer.error}')


if __name__ == '__main__':
    sys.stdout.write(json.dumps(rebuild_here(Path(sys.argv[1]))) + '\n')
