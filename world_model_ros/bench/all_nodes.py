# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench run`: all nodes together for some minutes, beside a sleeping control.

Starts `world-model demo` without a view and samples the processor time of each of its processes. A
probe notes on a wall clock when chunks and the guard's samples arrive; how much time each tick had
left is read from the recorded episodes.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from world_model_ros.bench.child_demo import read, run_demo
from world_model_ros.bench.measure import milliseconds
from world_model_ros.contract import Contract
from world_model_ros.experience.read.reader import EpisodeReader, list_episodes
from world_model_ros.experience.read.rebuild import tick_record

SAMPLE_S = 1.0
STARTING_S = 120.0  # beyond the minutes asked for: starting, and sealing the last episode


def run(
    contract: Contract,
    robot: str,
    bundle: str,
    minutes: float,
    folder: Path,
    figures: dict[str, Any],
) -> None:
    """Run everything in a folder and add the figures, also those until an interrupt."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        measure(contract, robot, bundle, minutes, folder, figures)
    finally:
        figures |= recorded_figures(list_episodes(folder))


def measure(
    contract: Contract,
    robot: str,
    bundle: str,
    minutes: float,
    folder: Path,
    figures: dict[str, Any],
) -> None:
    """Run the demo and the control side by side; add what both and psutil say, also at Ctrl-C."""
    figures_file = folder / 'demo.json'
    environment = {'ROS_DOMAIN_ID': str(random.randint(1, 101)), **os.environ}
    control = _start(['world_model_ros.bench.measure', str(contract.period_s), '1e9'], environment)
    probe = _start(['world_model_ros.nodes.load.timing_probe'], environment)
    line = ['--robot', robot, '--minutes', str(minutes), '--no-learn', '--reality', 'nominal']
    line += ['--bundle', bundle, '--directory', str(folder)]
    rows: dict[int, dict[str, Any]] = {}
    try:
        seconds = minutes * 60.0 + STARTING_S
        run_demo(line, figures_file, lambda demo: watch(demo, seconds, rows), environment)
    finally:
        slept, heard = (_end(process) for process in (control, probe))
        if result := read(figures_file):
            share = result['late_ticks'] / result['ticks'] if result['ticks'] else 1.0
            figures |= result | {'late_share': share}
        figures |= {'cpu': usage(rows), 'control': slept}
        figures |= wall_clock_figures(heard, contract) if heard else {}


def wall_clock_figures(heard: dict[str, list[float]], contract: Contract) -> dict[str, Any]:
    """Turn the probe's samples into jitter and latency; the first second is starting up."""
    rate_hz = contract.command_rate_hz
    sent = np.asarray(heard['sent_interval_s'][round(rate_hz) :])
    chunk = np.asarray(heard['chunk_interval_s'][round(1.0 / contract.period_s) :])
    return {
        'tick_jitter_ms': milliseconds(np.abs(chunk - contract.period_s)),
        'guard_jitter_ms': milliseconds(np.abs(sent - 1.0 / rate_hz)),
        'guard_latency_ms': milliseconds(heard['guard_latency_s'][round(rate_hz) :]),
    }


def watch(demo: subprocess.Popen, seconds: float, rows: dict[int, dict[str, Any]]) -> None:
    """Sample the demo's processes into rows until it ends."""
    deadline = time.monotonic() + seconds
    while demo.poll() is None and time.monotonic() < deadline:
        for process in _family(demo.pid):
            _sample(process, rows)
        try:
            demo.wait(SAMPLE_S)
        except subprocess.TimeoutExpired:
            continue


def usage(rows: dict[int, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Cores used and memory by the name of a process."""
    used: dict[str, dict[str, float]] = {}
    for row in rows.values():
        lasted_s = row['last'][0] - row['first'][0]
        if lasted_s > 0:
            used[row['name']] = {
                'cores': round((row['last'][1] - row['first'][1]) / lasted_s, 4),
                'memory_mb': round(row['memory'] / 1e6, 1),
            }
    return used


def recorded_figures(episodes: Iterable[Path]) -> dict[str, Any]:
    """Read from recorded episodes how much time each tick had left."""
    late = []
    for path in episodes:
        reader = EpisodeReader(path)
        ticks = reader.messages({reader.topic('tick')})
        late += [tick_record(message.data).lateness for message in ticks]
    spare = -np.asarray(late)  # before the deadline; negative is late
    return {
        'recorded_ticks': len(late),
        'spare_ms': milliseconds(spare[np.isfinite(spare)]),
    }


def _start(line: list[str], environment: dict[str, str]) -> subprocess.Popen:
    """Start a module of this package; its output is read at its end."""
    command = [sys.executable, '-m', *line]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _end(process: subprocess.Popen) -> Any:
    """Ask a helper process to end and read the JSON that it prints last."""
    process.terminate()
    said, _ = process.communicate(timeout=10.0)
    return json.loads(said.strip().splitlines()[-1]) if said.strip() else {}


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _sample(process: psutil.Process, rows: dict[int, dict[str, Any]]) -> None:
    try:
        with process.oneshot():
            times = process.cpu_times()
            line, memory = process.cmdline(), process.memory_info().rss
    except psutil.Error:
        return  # it ended between listing and asking
    now = (time.monotonic(), times.user + times.system)
    row = rows.setdefault(process.pid, {'first': now})
    row |= {'last': now, 'name': _name(line), 'memory': memory}


def _name(line: list[str]) -> str:
    """Name a process by its module: world_model_ros.nodes.agent is agent."""
    for word in line:
        if word.startswith('world_model_ros.'):
            return 'demo' if word.endswith('cli.main') else word.rsplit('.', 1)[1]
    return Path(line[0]).name if line else 'unknown'
