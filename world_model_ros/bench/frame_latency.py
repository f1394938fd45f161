# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench latency`: from the publishing of a camera frame to its chunk at the guard.

The real agent and guard on a robot that is made of a shipped one: its camera gives large pictures
at 30 Hz, each of which triggers a tick. One process publishes stored pictures and joints, one
listens as guard and driver, one wakes up by a bare timer. DDS stays on this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from world_model_ros.bench.domain import keep_to_itself
from world_model_ros.bench.latency_figures import latency_figures
from world_model_ros.bundle import load_bundle
from world_model_ros.bundle.format_names import MANIFEST
from world_model_ros.contract import (
    Contract,
    config_directories,
    contract_hash,
    interface_dict,
    interface_hash,
    load_contract,
)
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.deploy.nodes_table import AGENT, GUARD, SIM_ROBOT, Settings, extra_environment
from world_model_ros.deploy.supervisor import Supervisor
from world_model_ros.wire.cdr import IMAGE, JOINT_STATE

RATE_HZ = 30.0
COMMANDS_PER_TICK = 2
MAX_AGES = 3.0  # in periods of a stream: a busy machine may lose a frame
SEGMENT_TICKS = 100_000  # nothing is recorded
START_S = 60.0  # for agent and guard to start on a busy machine
ENDS_S = 10.0
AGENT_BELOW_GUARD = 10  # of the real-time priorities


@dataclass(frozen=True)
class Surroundings:
    """How urgent the robot's processes are, and what else keeps the machine busy."""

    priority: int = 0  # SCHED_FIFO of the guard, 0: an ordinary process
    busy: int = 0  # processes that each keep a core busy


def measure(
    bundle: Path,
    picture: tuple[int, int],
    seconds: float,
    iterations: int,
    around: Surroundings,
    folder: Path,
    figures: dict[str, Any],
) -> None:
    """Run everything for `seconds` in `folder`, which is empty, and add the figures.

    Args:
        bundle: of a robot with a camera and joints.
        picture: width and height in pixels.
        seconds: to publish pictures for.
        iterations: of the planner at most; -1: the bundle's.
        around: of the measured processes.
        folder: for everything that is written.
        figures: gets what was measured.
    """
    robot = folder / 'fast.yaml'
    contract = make_robot(load_bundle(bundle).contract, robot)
    fast = retimed(bundle, contract, folder / 'bundle')
    keep_to_itself()
    supervisor = Supervisor(folder / 'logs')
    settings = Settings(
        contract=str(robot),
        robot_id='bench',
        bundle=str(fast),
        slots=str(folder / 'slots'),
        state_directory=str(folder / 'state'),
        autostart=True,
        params_file=str(_parameters(folder / 'parameters.yaml', iterations, around)),
    )
    helpers: list[subprocess.Popen] = []
    try:
        supervisor.start([GUARD, AGENT], settings)
        probe = _start(
            [
                'world_model_ros.nodes.load.latency_probe',
                '--ros-args',
                '-p',
                f'command:={contract.groups[0].topic}',
            ]
        )
        bare = _start(
            ['world_model_ros.bench.measure', str(1.0 / contract.command_rate_hz), '1e9']
        )
        # A picture is as large as a camera driver's: the same profile of DDS.
        profile = extra_environment(SIM_ROBOT, config_directories(), os.environ)
        line = [str(robot), *map(str, picture), str(seconds)]
        helpers += [_keep_busy() for _ in range(around.busy)]
        load = _start(['world_model_ros.nodes.load.latency_load', *line], profile)
        helpers += [probe, bare, load]
        printed, _ = load.communicate(timeout=seconds + START_S)
        if not printed.strip():
            logs = {child.name: child.last_lines(3) for child in supervisor.children}
            raise RuntimeError(f'nothing was published; the nodes said: {logs}')
        time.sleep(1.0 / RATE_HZ)
        heard, slept = _end(probe), _end(bare)
        figures |= latency_figures(
            json.loads(printed),
            heard['chunks'],
            heard['commands'],
            heard['agent'],
            slept,
            contract.command_offset_ns,
        )
    finally:
        for process in helpers:
            if process.poll() is None:
                process.kill()
        supervisor.stop()


def make_robot(contract: Contract, path: Path) -> Contract:
    """Write the robot that is measured, and return it: the camera triggers 30 ticks a second.

    Raises:
        ValueError: the bundle's robot has no camera or no joints.
    """
    if not contract.image_streams or not contract.joint_streams:
        raise ValueError(f'{contract.name}: expected a robot with a camera and joints')
    published = [contract.image_streams[0], contract.joint_streams[0]]
    for stream in contract.sensed:
        kind = stream_kind(stream.kind)
        raw = kind.type_of(stream) in (IMAGE, JOINT_STATE) and (kind.rendered or kind.joints)
        if stream not in published or not raw:
            raise ValueError(
                f'{contract.name}: streams.{stream.name}: expected raw pictures of one camera '
                f'and one stream of joints, which the load publishes, got kind {stream.kind} of '
                f'{kind.type_of(stream)}: measure with another robot'
            )
    robot = yaml.safe_load(contract.text)
    camera = contract.image_streams[0].name
    robot['control'] = {
        **{key: robot['control'][key] for key in ('command_timeout', 'frames_per_tick')},
        'rate': RATE_HZ,
        'tick': {'source': 'stream', 'stream': camera},
        'command_rate': COMMANDS_PER_TICK * RATE_HZ,
    }
    for name, stream in robot['streams'].items():
        stream['rate'] = RATE_HZ if name == camera else COMMANDS_PER_TICK * RATE_HZ
        stream['max_age'] = round(MAX_AGES / RATE_HZ, 3)
        if stream['kind'] == 'image':
            stream['fit'] = 'crop'
    robot['episode'] = {'reset': 'none', 'segment_ticks': SEGMENT_TICKS}
    robot.pop('reward', None)
    path.write_text(yaml.safe_dump(robot, sort_keys=False), encoding='utf-8')
    return load_contract(path)


def retimed(bundle: Path, contract: Contract, folder: Path) -> Path:
    """The bundle for another robot of the same shapes: graphs and weights, another manifest."""
    shutil.copytree(bundle, folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding='utf-8'))
    manifest |= {
        'interface_hash': interface_hash(contract),
        'contract_hash': contract_hash(contract),
        'interface': interface_dict(contract),
        'contract': contract.text,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding='utf-8')
    return folder


def _parameters(path: Path, iterations: int, around: Surroundings) -> Path:
    """The parameters that are no settings."""
    values = {'iteration_count': iterations, 'allow_other_bundles': True}
    agent = max(0, around.priority - AGENT_BELOW_GUARD)
    given = {'/**': values, '/**/guard': {'priority': around.priority}}
    given['/**/agent'] = {'priority': agent}
    file = {node: {'ros__parameters': parameters} for node, parameters in given.items()}
    path.write_text(yaml.safe_dump(file), encoding='utf-8')
    return path


def _keep_busy() -> subprocess.Popen:
    return subprocess.Popen([sys.executable, '-c', 'while True: pass'], start_new_session=True)


def _start(line: list[str], extra: dict[str, str] | None = None) -> subprocess.Popen:
    """Start a module of this package; its output is read at its end."""
    environment = {**os.environ, **(extra or {})}
    command = [sys.executable, '-m', *line]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _end(process: subprocess.Popen) -> Any:
    """Ask a helper to end, and read the JSON that it prints last."""
    process.terminate()
    said, _ = process.communicate(timeout=ENDS_S)
    return json.loads(said.strip().splitlines()[-1])
