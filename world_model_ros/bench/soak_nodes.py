# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench soak --nodes`: very many ticks through the real nodes in lockstep, and their memory.

Simulator, guard and agent as processes of their own, as fast as they can. Without random faults:
those are the business of the soak without ROS.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml

from world_model_ros.bench.domain import keep_to_itself
from world_model_ros.bench.soak import SAMPLES, growth
from world_model_ros.contract import Contract
from world_model_ros.deploy.nodes_table import AGENT, GUARD, SIM_ROBOT, Settings
from world_model_ros.deploy.supervisor import Supervisor

STANDS_S = 120.0  # without a tick: something is broken
POLL_S = 0.2


def measure(
    contract: Contract,
    robot_file: Path,
    bundle: Path,
    ticks: int,
    iterations: int,
    folder: Path,
    figures: dict[str, Any],
    say: Callable[[str], object],
) -> None:
    """Run the ticks; add the memory of each process, also until Ctrl-C."""
    from world_model_ros.nodes._monitor import Monitor

    keep_to_itself()
    parameters = folder / 'parameters.yaml'
    values = {'iteration_count': iterations, 'noise_seed': 0}
    parameters.write_text(yaml.safe_dump({'/**': {'ros__parameters': values}}), encoding='utf-8')
    settings = Settings(
        contract=str(robot_file),
        robot_id='bench',
        bundle=str(bundle),
        slots=str(folder / 'slots'),
        state_directory=str(folder / 'state'),
        tick_source='lockstep',
        use_sim_time=True,
        autostart=True,
        params_file=str(parameters),
    )
    supervisor, monitor = Supervisor(folder / 'logs'), Monitor(contract.episode.max_ticks)
    memory: dict[str, list[tuple[int, float]]] = {}
    try:
        supervisor.start([SIM_ROBOT, GUARD, AGENT], settings)
        due, moved_s, before = 0, time.monotonic(), -1
        while monitor.view.ticks < ticks:
            time.sleep(POLL_S)
            done, now_s = monitor.view.ticks, time.monotonic()
            if done != before:
                before, moved_s = done, now_s
            if supervisor.died() or now_s - moved_s > STANDS_S:
                logs = {child.name: child.last_lines(3) for child in supervisor.children}
                raise RuntimeError(f'no tick after {done} ticks; the nodes said: {logs}')
            if done >= due and done:
                for child in supervisor.children:
                    size = psutil.Process(child.process.pid).memory_info().rss / 1e6
                    memory.setdefault(child.name, []).append((done, size))
                due = done + max(1, ticks // SAMPLES)
                if len(memory[AGENT.executable]) % 10 == 1:
                    say(f'{done} ticks')
    finally:
        figures['ticks_run'] = monitor.view.ticks
        figures['episodes_run'] = len(monitor.view.returns)
        figures['processes'] = {name: growth(rows) for name, rows in memory.items()}
        supervisor.stop()
        monitor.close()
    grown = [row.get('growth_mb') for row in figures['processes'].values()]
    figures['growth_mb'] = max((mb for mb in grown if mb is not None), default=None)
