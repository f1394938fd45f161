# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench imagined`: how fast a robot runs that exists in a model only.

Alone: nobody commands it, it runs as fast as it can on one core, and another process counts its
pictures on their topic. Acting: with guard, recorder and agent beside it at the speed of the robot
file, as `world-model imagine` starts them. DDS stays on this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml

from world_model_ros.bench.all_nodes import recorded_figures
from world_model_ros.bench.child_demo import run_demo
from world_model_ros.bench.domain import keep_to_itself
from world_model_ros.contract import Contract
from world_model_ros.deploy.nodes_table import (
    IMAGINED_NAMESPACE,
    IMAGINED_ROBOT,
    IMAGINED_ROBOT_ID,
    Settings,
    apart,
)
from world_model_ros.deploy.supervisor import Supervisor
from world_model_ros.experience import list_episodes

GOAL_PER_S, GOAL_LATE_SHARE = 100.0, 0.001
RECORD_MINUTES = 0.5  # of a simulated robot, for the episode to begin in
FREE_SPEED = 1000.0
EARS = 'world_model_ros.nodes.load.imagined_ears'
STARTS_SEC = 120.0  # a node and the ears, on a busy machine
IMAGINE = [sys.executable, '-m', 'world_model_ros.cli.main', 'imagine']


def measure(
    contract: Contract,
    robot: Path,
    bundle: Path,
    start: str,
    seconds: float,
    folder: Path,
    figures: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    """Run both parts for `seconds` each, in a folder that is empty, and add their figures.

    Args:
        contract: of the robot.
        robot: its file.
        bundle: the world, and what acts in it.
        start: EPISODE@TICK; '': an episode is recorded with the simulated robot first.
        seconds: of each part.
        folder: for episodes and logs.
        figures: filled.
        say: receives what goes on.
    """
    keep_to_itself()
    if not start:
        say(f'recording {RECORD_MINUTES * 60:.0f} s of the simulated {contract.name}')
        start = _recorded(contract, robot, bundle, folder)
    figures['start'] = Path(start).name
    say('alone, as fast as it can')
    figures['alone'] = _alone(contract, robot, bundle, start, seconds, folder)
    say('with guard, recorder and agent')
    figures['acting'] = _acting(robot, bundle, start, seconds, folder)
    late = figures['acting']['late_share']
    figures['goals'] = {
        'alone_100_per_s': figures['alone']['pictures_per_s'] >= GOAL_PER_S,
        'acting_late_below_0.1_percent': late < GOAL_LATE_SHARE,
    }


def _recorded(contract: Contract, robot: Path, bundle: Path, folder: Path) -> str:
    """Record with the simulator; the middle of the longest episode."""
    episodes = folder / 'real'
    line = ['--robot', str(robot), '--bundle', str(bundle), '--directory', str(episodes)]
    line += ['--minutes', str(RECORD_MINUTES), '--no-learn', '--reality', 'nominal']
    run_demo(line, folder / 'demo.json', lambda demo: demo.wait(RECORD_MINUTES * 60 + STARTS_SEC))
    found = list_episodes(episodes)
    if not found:
        raise RuntimeError(f'{contract.name}: the simulated robot recorded no episode')
    longest = max(found, key=lambda path: sum(f.stat().st_size for f in path.iterdir()))
    return str(longest.resolve())


def _alone(
    contract: Contract, robot: Path, bundle: Path, start: str, seconds: float, folder: Path
) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))
    own = folder / 'one_core.yaml'
    own.write_text(yaml.safe_dump({'/**': {'ros__parameters': {'cpus': str(cores[0])}}}))
    settings = Settings(
        contract=str(robot),
        robot_id=IMAGINED_ROBOT_ID,
        bundle=str(bundle),
        start=start,
        namespace=IMAGINED_NAMESPACE,
        speed=FREE_SPEED,
        use_sim_time=True,
        params_file=str(own),
    )
    supervisor = Supervisor(folder / 'alone')
    try:
        supervisor.start([IMAGINED_ROBOT], apart(settings, contract))
        [node] = supervisor.children
        process = psutil.Process(node.process.pid)
        ears = _ears(robot, seconds, cores[-1])
        found = _heard(ears, seconds, node.last_lines)
        used = process.cpu_times()
        return {**found, 'cpu_s': used.user + used.system, 'core': cores[0]}
    finally:
        supervisor.stop()


def _acting(robot: Path, bundle: Path, start: str, seconds: float, folder: Path) -> dict[str, Any]:
    episodes = folder / 'imagined'
    # The recorder's start, and what the ears do not count, come on top of it.
    line = ['--from', start, '--bundle', str(bundle), '--directory', str(episodes), '--headless']
    log = folder / 'acting.log'
    with log.open('w') as words:
        imagine = subprocess.Popen(
            [*IMAGINE, *line, '--json', '--minutes', str((seconds + 15.0) / 60.0)],
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        )
        try:
            heard = _heard(_ears(robot, seconds), seconds, lambda: [log.read_text()[-1000:]])
            printed, _ = imagine.communicate(timeout=STARTS_SEC)
        finally:
            if imagine.poll() is None:
                imagine.terminate()
                imagine.communicate(timeout=30.0)
    lines = printed.strip().splitlines()
    if not lines:
        raise RuntimeError(f'nothing was measured: {log.read_text()[-1000:]}')
    said = json.loads(lines[-1])
    return {
        **heard,
        'ticks': said['ticks'],
        'late_ticks': said['late_ticks'],
        'late_share': said['late_ticks'] / said['ticks'] if said['ticks'] else 1.0,
        'tick_ms': said['tick_ms'],
        'died': said['died'],
        **recorded_figures(list_episodes(episodes)),
    }


def _ears(robot: Path, seconds: float, core: int | None = None) -> subprocess.Popen:
    pinned = [] if core is None else ['taskset', '-c', str(core)]
    line = [*pinned, sys.executable, '-m', EARS]
    return subprocess.Popen(
        [*line, str(robot), f'/{IMAGINED_NAMESPACE}', str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )


def _heard(
    ears: subprocess.Popen, seconds: float, words: Callable[[], list[str]]
) -> dict[str, float]:
    """What the ears print at their end."""
    try:
        printed, _ = ears.communicate(timeout=seconds + STARTS_SEC)
    finally:
        if ears.poll() is None:
            ears.kill()
            ears.communicate()
    if not printed.strip():
        raise RuntimeError(f'no picture was heard; the robot said: {" | ".join(words())}')
    return dict(json.loads(printed.strip().splitlines()[-1]))
