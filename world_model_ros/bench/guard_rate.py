# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench guard`: the highest rate at which the guard commands in time, and what a check costs.

For each rate the guard of an arm of six joints with workspace and collision runs as a process,
beside one that plays agent and driver, and one that wakes by a bare timer at the same rate.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bench.domain import keep_to_itself
from world_model_ros.bench.guard_arm import write_arm
from world_model_ros.bench.measure import milliseconds
from world_model_ros.contract import load_contract
from world_model_ros.deploy.nodes_table import GUARD, Settings
from world_model_ros.deploy.supervisor import Supervisor
from world_model_ros.onboard.guard.keep_out.loading import load_keep_out
from world_model_ros.onboard.guard.motion import Limits, Motion

RATES_HZ = (50, 100, 200, 400)
JITTER_MS = 3.0  # over that of the bare timer: how far the 99th percentile is above the median
MISSED_SHARE = 0.001  # of the commands
START_S, ENDS_S = 90.0, 10.0
CHECKS = 4000
TURN_CHECKS = 100  # between two targets


def measure_rate(rate_hz: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Run the guard at one rate, in an empty folder, and return its figures.

    Raises:
        RuntimeError: the guard commanded nothing; with what it said.
    """
    robot = write_arm(folder, rate_hz)
    keep_to_itself()
    supervisor = Supervisor(folder / 'logs')
    settings = Settings(
        contract=str(robot),
        robot_id='bench',
        slots=str(folder / 'slots'),
        state_directory=str(folder / 'state'),
    )
    helpers: list[subprocess.Popen] = []
    try:
        supervisor.start([GUARD], settings)
        helpers.append(_start('world_model_ros.bench.measure', str(1.0 / rate_hz), '1e9'))
        helpers.append(_start('world_model_ros.nodes.load.guard_load', str(robot), str(seconds)))
        bare, load = helpers
        printed, _ = load.communicate(timeout=seconds + START_S)
        heard = json.loads(printed)['commands'] if printed.strip() else []
        if len(heard) < 2:
            logs = {child.name: child.last_lines(3) for child in supervisor.children}
            raise RuntimeError(f'nothing was commanded; the guard said: {logs}')
        bare.send_signal(signal.SIGTERM)
        slept = json.loads(bare.communicate(timeout=ENDS_S)[0])
        return rate_figures(heard, slept['wake_late_ms'], rate_hz)
    finally:
        for process in helpers:
            if process.poll() is None:
                process.kill()
        supervisor.stop()


def rate_figures(
    heard: Sequence[Sequence[int]], bare_late_ms: dict[str, float], rate_hz: int
) -> dict[str, Any]:
    """Figures of one rate: of stamp and arrival in ns of each command, and of the bare timer."""
    stamps, arrivals = np.array(heard, np.int64).T
    due = round(float(stamps[-1] - stamps[0]) * 1e-9 * rate_hz) + 1
    late = milliseconds((arrivals - stamps) * 1e-9)
    over = late['p99'] - late['p50'] - (bare_late_ms['p99'] - bare_late_ms['p50'])
    missed = 1.0 - len(stamps) / due
    return {
        'commands': len(stamps),
        'missed_share': round(missed, 5),
        'command_late_ms': late,
        'bare_timer_late_ms': bare_late_ms,
        'command_jitter_over_bare_ms': round(over, 3),
        'holds': bool(over <= JITTER_MS and missed <= MISSED_SHARE),
    }


def highest_rate(rates: dict[str, dict[str, Any]]) -> int:
    """The highest rate that holds, as all below it do; 0 for none."""
    highest = 0
    for rate_hz, figures in sorted((int(key), value) for key, value in rates.items()):
        if not figures['holds']:
            break
        highest = rate_hz
    return highest


def measure_checks(folder: Path, seed: int) -> dict[str, Any]:
    """Processor time to judge a step of the arm, driven to targets in and out of reach."""
    robot = write_arm(folder, 100)
    contract = load_contract(robot)
    keep_out, why = load_keep_out(contract, robot)
    if keep_out is None:
        raise RuntimeError(why)
    limits, rng = Limits.of(contract), np.random.default_rng(seed)
    motion, dt_s = Motion(limits), 1.0 / contract.command_rate_hz
    target, halts = np.zeros(contract.action_dim), 0
    took_s = np.empty(CHECKS)
    for i in range(CHECKS):
        if i % TURN_CHECKS == 0:
            target = rng.uniform(-2.0, 2.0, contract.action_dim)
        before = motion.state
        motion.to(target, np.zeros_like(target), dt_s, [])
        start_s = time.thread_time()
        refused = keep_out.refuses(before, motion.state, dt_s)
        took_s[i] = time.thread_time() - start_s
        if refused:
            halts += 1
            motion.state = before
            motion.brake(dt_s, [])
    return {'check_ms': milliseconds(took_s), 'halted': halts}


def measure(
    rates_hz: Sequence[int],
    seconds: float,
    seed: int,
    folder: Path,
    figures: dict[str, Any],
    say: Callable[[str], object],
) -> None:
    """Add the cost of a check, and each rate's figures, to `figures`."""
    (folder / 'checks').mkdir()
    figures['keep_out'] = measure_checks(folder / 'checks', seed)
    figures['rates'] = {}
    for rate_hz in rates_hz:
        say(f'{rate_hz} Hz')
        place = folder / str(rate_hz)
        place.mkdir()
        figures['rates'][str(rate_hz)] = measure_rate(rate_hz, seconds, place)
        figures['highest_rate_hz'] = highest_rate(figures['rates'])


def _start(module: str, *line: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, '-m', module, *line], stdout=subprocess.PIPE, text=True
    )
