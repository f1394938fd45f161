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
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bench.child_demo import run_demo
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


def run(
    robot: str,
    bundle: str,
    minutes: float,
    episodes: Path | None,
    lose: float,
    scratch: Path,
    figures: dict[str, Any],
) -> None:
    """Record, or take `episodes`, and rebuild; what was recorded until an interrupt as well.

    A share `lose` of the recorded messages is left out before. `scratch` is an empty folder.
    """
    folder = episodes or scratch / 'recorded'
    try:
        if episodes is None:
            record(robot, bundle, minutes, folder)
    finally:
        if lose:
            thinned = scratch / 'thinned'
            for number, path in enumerate(list_episodes(folder)):
                thin(path, thinned, lose, seed=number)
            folder = thinned
        if list_episodes(folder):
            figures |= rebuild_elsewhere(folder)


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
        [sys.executable, '-m', 'world_model_ros.bench.parity', str(folder)],
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
