# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which robots `chaos guard` attacks, and with what: robot files and random sequences of events.

Pure: the same numbers make the same sequence. Playing it is nodes/load/guard_stage.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from world_model_ros.contract import find_robot

# Robots in turn, each for so many runs, since its processes stay between runs.
ROBOTS = ('position', 'velocity', 'effort', 'position_sim_time', 'position_gripper')
GRIP = 'grip'  # the joint of the gripper, a command group of its own
RUNS_PER_ROBOT = 25
LENGTH = (4, 9)  # events of a sequence: at least, below
WAIT_S = (0.03, 0.4)  # after an event
ACTIVE_SHARE = 0.85  # of the sequences that begin with an activation

# What a chunk may be. The agent of the sequence sends one of these at every tick.
PLANS = ('smooth', 'jump', 'far', 'zigzag', 'long', 'past', 'future')
ODD_PLANS = ('nan', 'huge', 'names', 'backwards', 'ragged', 'empty')
HANDS = ('inwards', 'outwards', 'without positions')
STEPS_S = (-5.0, -0.3, -0.05, 0.05, 0.3, 5.0)

# event: weight, and for which robots ('': all, otherwise the beginning of the name)
WEIGHTS = {
    'activate': (14, ''),
    'deactivate': (8, ''),
    'plan': (16, ''),
    'odd plan': (6, ''),
    'agent gone': (8, ''),
    'stop': (12, ''),
    'release': (10, ''),
    'enable': (6, ''),
    'disable': (7, ''),
    'guard killed': (4, ''),
    'guard ended': (2, ''),
    'guard hung': (4, ''),
    'driver killed': (1, ''),
    'teleop': (6, ''),
    'let go': (2, ''),
    'foreign silent': (3, ''),
    'foreign sends': (3, ''),
    'foreign off': (5, ''),
    'hardware stop': (2, ''),
    'hardware release': (3, ''),
    'joints': (6, 'position'),
    'joint rate': (3, 'position'),
    'out of the box': (4, 'position'),
    'back in the box': (4, 'position'),
    'clock': (10, 'position_sim_time'),
    'clock step': (8, 'position_sim_time'),
}


@dataclass(frozen=True)
class Event:
    """One thing to do, and how long to wait afterwards."""

    name: str
    argument: Any
    wait_s: float


def robot_of(index: int) -> str:
    """Which robot run `index` attacks."""
    return ROBOTS[index // RUNS_PER_ROBOT % len(ROBOTS)]


def robot_file(robot: str) -> str:
    """The robot file of one of ROBOTS: the unfriendly arm without its cameras."""
    data = yaml.safe_load(find_robot('unfriendly_arm').read_text())
    kind = robot.split('_')[0]
    data['name'] = f'unfriendly_{kind}'
    data['streams'] = {
        name: stream for name, stream in data['streams'].items() if stream['kind'] == 'joints'
    }
    if robot == 'position_gripper':
        _give_gripper(data)
    if kind != 'position':
        action, ones = data['action'], [1.0] * len(data['action']['names'])
        reach, rate = (1.0, 2.0) if kind == 'velocity' else (2.0, 5.0)  # rad/s, N·m; per second
        del action['acceleration_limit']
        action.update(
            kind=kind,
            low=[-reach * one for one in ones],
            high=[reach * one for one in ones],
            rate_limit=[rate * one for one in ones],
            stop_rate_limit=[3.0 * rate * one for one in ones],
            safe='zero',
        )
        if kind == 'effort':
            action['gravity_safe'] = True
    return yaml.safe_dump(data, sort_keys=False)


def _give_gripper(data: dict[str, Any]) -> None:
    """Make the arm a robot of format 2 with two groups; the gripper gets half of the commands."""
    arm = data.pop('action')
    arm['limits'] = {
        'velocity': arm.pop('rate_limit'),
        'acceleration': arm.pop('acceleration_limit'),
    }
    joints = data['streams']['wrist_joints']
    data['streams']['gripper_joints'] = {**joints, 'names': [GRIP]}
    data['format'] = 2
    data['actions'] = {
        'arm': arm,
        'gripper': {
            'topic': 'gripper/command',
            'kind': 'position',
            'names': [GRIP],
            'low': [0.0],
            'high': [0.8],
            'limits': {'velocity': [1.5], 'acceleration': [6.0]},
            'safe': 'hold',
            'rate': 0.5 * data['control']['command_rate'],
        },
    }


def draw(rng: np.random.Generator, robot: str) -> list[Event]:
    """A sequence of events for one robot."""
    events = [Event('plan', 'smooth', 0.0)]
    if rng.random() < ACTIVE_SHARE:
        events.append(Event('activate', None, _wait(rng)))
    names = [name for name, (_, only) in WEIGHTS.items() if robot.startswith(only)]
    weights = np.array([WEIGHTS[name][0] for name in names], np.float64)
    for _ in range(int(rng.integers(*LENGTH))):
        name = str(rng.choice(names, p=weights / weights.sum()))
        events.append(Event(name, _argument(rng, name), _wait(rng)))
    return events


def _wait(rng: np.random.Generator) -> float:
    return float(rng.uniform(*WAIT_S))


def _argument(rng: np.random.Generator, name: str) -> Any:
    choices: dict[str, tuple[Any, ...]] = {
        'plan': PLANS,
        'odd plan': ODD_PLANS,
        'guard hung': (0.03, 0.08, 0.15, 0.4),
        'teleop': HANDS,
        'joints': ('first', 'second', 'all', 'nan', 'none', 'none', 'none'),
        'joint rate': (30.0, 100.0, 500.0),
        'out of the box': ('j1', 'j2', 'j7'),
        'clock': ('runs', 'runs', 'paused', 'ended'),
        'clock step': STEPS_S,
    }
    options = choices.get(name)
    return None if options is None else options[int(rng.integers(len(options)))]
