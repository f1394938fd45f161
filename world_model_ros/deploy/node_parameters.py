# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter of every node: default, meaning and range, written down once.

The nodes declare from this table, the launch files take defaults and descriptions from it, and
tests hold `config/nodes.yaml` and `docs/reference/nodes.md` to it. A value that does not fit is
refused in one line that names the parameter, the value, its type, what is expected and how to
write it. Plain Python: imports neither rclpy nor launch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from world_model_ros.bundle.providers import PROVIDERS
from world_model_ros.contract.names import check_robot_id
from world_model_ros.contract.problems import did_you_mean
from world_model_ros.deploy.placement import MAX_PRIORITY, read_cpus

TICK_SOURCES = ('', 'timer', 'sim_time', 'stream', 'lockstep')


@dataclass(frozen=True)
class Parameter:
    """One parameter; the type of its default is its type (a tuple: a list of texts)."""

    default: bool | int | float | str | tuple[str, ...]
    meaning: str
    low: float | None = None  # both ends belong to the range
    high: float | None = None
    choices: tuple[str, ...] = ()
    changeable: bool = False  # while the node runs
    required: bool = False  # an empty text is refused


_CONTRACT = Parameter('', 'Robot contract: a shipped name or a path to its YAML', required=True)
_ROBOT_ID = Parameter(
    '', 'Which robot of its type this is, in all records; never the hostname', required=True
)
_TICK_SOURCE = Parameter('', "Overrides the contract's control.tick.source", choices=TICK_SOURCES)
_THREADS = Parameter(1, 'Threads of ONNX Runtime', low=1)
_PROVIDER = Parameter(
    'auto',
    'What the graphs run on; auto: cuda if it works, else cpu; cuda and tensorrt are untried on a '
    'GPU',
    choices=PROVIDERS,
)
_DEVICE_ID = Parameter(0, 'Number of the GPU', low=0)
_ALLOW_CPU_FALLBACK = Parameter(
    False, 'Take the CPU where the provider cannot be used; false: refuse, with the reason'
)
_CPUS = Parameter('', 'CPU cores of the process, such as 2, 0,3 or 1-3; empty: any')
_PRIORITY = Parameter(
    0, 'Of the real-time class SCHED_FIFO; 0: an ordinary process', low=0, high=MAX_PRIORITY
)
_STORE = 'Folder or URL that episodes go to and releases come from; empty: none'

_BUNDLE = 'Exported model: a shipped name or its directory; empty, with explore: begin without one'
_SLOTS = "Folder of this robot's bundles that came from the store: empty, new, or an updater's"

AGENT: dict[str, Parameter] = {
    'contract': _CONTRACT,
    'robot_id': _ROBOT_ID,
    'bundle': Parameter(
        '',
        _BUNDLE,
        changeable=True,
    ),
    'release': Parameter(
        0, 'Number of the release that the bundle is, 0: none; set with bundle', changeable=True
    ),
    'slots': Parameter('slots', _SLOTS),
    'allow_other_bundles': Parameter(
        False, 'Let any node hand over any directory, whether or not the updater has tried it'
    ),
    'tick_source': _TICK_SOURCE,
    'plan': Parameter(True, 'Plan in imagination; false: the policy alone'),
    'explore': Parameter(False, 'Explore, and flag every tick: noise on the plan, or alone'),
    'explore_std': Parameter(
        0.2,
        'Exploring with a bundle: noise on top of the plan at most, a share of half the range',
        low=0.0,
        high=1.0,
    ),
    'explore_amplitude': Parameter(
        0.3, 'Exploring without one: reach of the noise, the same unit', low=0.001, high=1.0
    ),
    'explore_correlation': Parameter(
        0.3, 'Seconds for which the noise remembers itself; 0: white', low=0.0
    ),
    'explore_reach': Parameter(
        0.1,
        'Exploring with positions: furthest from the home position or the start, in rad or m',
        low=0.001,
    ),
    'explore_speed': Parameter(
        0.1, 'Exploring with positions: speed, a share of the rate limit', low=0.001, high=1.0
    ),
    'explore_ticks': Parameter(
        0, 'Where a service resets: ticks of an exploring episode; 0: a whole one', low=0
    ),
    'evaluate_every': Parameter(
        0, 'Exploring: every n-th acting episode is an evaluation; 0: none', low=0
    ),
    'eval': Parameter(False, 'Every episode is an evaluation: no exploration, and flagged'),
    'noise_seed': Parameter(
        -1, 'Acting episode i draws the numbers of this seed + i; -1: of its uuid', low=-1
    ),
    'iteration_count': Parameter(-1, "Planner iterations at most; -1: the bundle's", low=-1),
    'budget': Parameter(
        0.0, 'Seconds per tick for thinking; 0: 60 % of the period; less if late', low=0.0
    ),
    'extra_delay': Parameter(
        0.0,
        'Seconds between command and effect beside command_offset, which the belief is imagined '
        'forward over; -1: as measured, from the next episode on',
        low=-1.0,
        high=1.0,
    ),
    'threads': _THREADS,
    'provider': _PROVIDER,
    'device_id': _DEVICE_ID,
    'allow_cpu_fallback': _ALLOW_CPU_FALLBACK,
    'picture_rate': Parameter(
        5.0, 'Hz of ~/believed and ~/imagined while subscribed; 0: never', low=0.0
    ),
    'autoconfigure': Parameter(True, 'Load the bundle at start and think in shadow'),
    'autostart': Parameter(False, 'Act at once; false: think in shadow until activated'),
    'cpus': _CPUS,
    'priority': _PRIORITY,
}

GUARD: dict[str, Parameter] = {
    'contract': _CONTRACT,
    'robot_id': _ROBOT_ID,
    'tick_source': _TICK_SOURCE,
    'enabled': Parameter(True, 'Whether chunks may move the robot at start'),
    'lockstep_patience': Parameter(
        5.0, 'Lockstep: seconds to wait for a chunk before the safe action is sent', low=0.1
    ),
    'state_directory': Parameter(
        '',
        'Folder that keeps the latched stop over a restart; empty: ~/.local/state/world_model_ros',
    ),
    'allowed_publishers': Parameter(
        (),
        'Nodes that may have a publisher on the command topic, such as a multiplexer; '
        'they may not send while the guard is active',
    ),
    'cpus': _CPUS,
    'priority': _PRIORITY,
}

RECORDER: dict[str, Parameter] = {
    'contract': _CONTRACT,
    'robot_id': _ROBOT_ID,
    'directory': Parameter('episodes', 'Folder of the recorded episodes'),
    'compression': Parameter('zstd', 'Compression of the files', choices=('none', 'lz4', 'zstd')),
    'queue_mb': Parameter(
        64, 'MiB of messages that may wait for the disk before some are lost', low=1
    ),
    'min_free_mb': Parameter(512, 'Recording stops when less than this many MiB are free', low=0),
    'record_clock': Parameter(False, 'Record /clock too'),
    'store': Parameter('', _STORE),
    'cpus': _CPUS,
}

UPDATER: dict[str, Parameter] = {
    'contract': _CONTRACT,
    'robot_id': _ROBOT_ID,
    'store': Parameter('', _STORE, required=True),
    'slots': Parameter('slots', _SLOTS),
    'bundle': Parameter('', _BUNDLE),
    'poll_period': Parameter(1.0, 'Seconds between looks at the store', low=0.01, high=86400.0),
    'threads': _THREADS,
    'provider': _PROVIDER,
    'device_id': _DEVICE_ID,
    'allow_cpu_fallback': _ALLOW_CPU_FALLBACK,
    'cpus': _CPUS,
}

SIM_ROBOT: dict[str, Parameter] = {
    'contract': _CONTRACT,
    'tick_source': _TICK_SOURCE,
    'seed': Parameter(0, 'Simulated episode i starts from seed + i', low=0),
    'speed': Parameter(
        1.0, 'Simulated seconds per second; ignored in lockstep', low=0.001, high=1000.0
    ),
    'start_time': Parameter(0.0, 'Simulated time at start in seconds; 0: the wall clock', low=0.0),
    'reality': Parameter('nominal', 'Name or file in config/reality', changeable=True),
    'demonstrate': Parameter(
        0,
        "Episodes that the body's scripted controller drives, on guard/teleop; then no reset is "
        'served. 0: it drives none',
        low=0,
    ),
    'reality_after': Parameter(
        0.0,
        'Seconds that the robot acts as the nominal one before `reality` begins; 0: at once',
        low=0.0,
    ),
}

IMAGINED_ROBOT: dict[str, Parameter] = {
    'contract': _CONTRACT,
    'world': Parameter(
        '', 'Model that is the world: a shipped name or a directory; in a launch file: bundle'
    ),
    'start': Parameter(
        '',
        'Where it begins: EPISODE@TICK, EPISODE@SECONDSs or EPISODE; a folder: its newest one',
        required=True,
    ),
    'known': Parameter(
        '', 'Folder of episodes that count as known; empty: the one that it begins in'
    ),
    'allowed_listeners': Parameter(
        (), 'Nodes that may listen to the commands, such as a bag recorder: no drivers'
    ),
    'tick_source': _TICK_SOURCE,
    'speed': SIM_ROBOT['speed'],
    'start_time': SIM_ROBOT['start_time'],
    'threads': _THREADS,
    'cpus': _CPUS,
}

DASHBOARD: dict[str, Parameter] = {
    'contract': _CONTRACT,
    'host': Parameter(
        '127.0.0.1', 'Address to listen on: this machine alone; 0.0.0.0: all its networks'
    ),
    'port': Parameter(8642, 'Port of the page; 0: any that is free', low=0, high=65535),
    'update_rate': Parameter(
        15.0, 'Updates per second at most, for all who look together', low=0.5, high=60.0
    ),
    'address_file': Parameter(
        '',
        'File for the address with the token; empty: a terminal gets it, else a file below '
        '~/.local/state/world_model_ros',
    ),
    'cpus': _CPUS,
}

NODES: dict[str, dict[str, Parameter]] = {
    'agent': AGENT,
    'guard': GUARD,
    'recorder': RECORDER,
    'updater': UPDATER,
    'sim_robot': SIM_ROBOT,
    'imagined_robot': IMAGINED_ROBOT,
    'dashboard': DASHBOARD,
}

_EXPECTED = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'text'}


def fitting(name: str, parameter: Parameter, value: Any) -> Any:
    """Return the value in the parameter's type; whole numbers serve where numbers are expected.

    A number is never taken as text: `007` and `123E5` reach a node as 7 and 12300000.0, and a
    robot would get another name than the one that was written.

    Raises:
        ValueError: in one line: the parameter, the value, what is expected, how to write it.
    """
    if isinstance(parameter.default, tuple):
        return _texts(name, value)
    kind = type(parameter.default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(
            f'parameter {name}: expected {_EXPECTED[kind]}, got {_shown(value)}; '
            f'{_how_to_write(name, kind)}'
        )
    if isinstance(value, str):
        _check_text(name, parameter, value)
    elif not isinstance(value, bool):
        _check_range(name, parameter, value)
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or any(type(item) is not str for item in value):
        raise ValueError(
            f'parameter {name}: expected a list of texts, got {_shown(value)}; in a parameter '
            f"file write {name}: ['one', 'two'], on a command line -p \"{name}:=['one', 'two']\""
        )
    return tuple(item for item in value if item)  # an empty list has no type in ROS: ['']


def _check_text(name: str, parameter: Parameter, value: str) -> None:
    if parameter.required and not value.strip():
        raise ValueError(f'parameter {name} is empty; give it (-p {name}:=…): {parameter.meaning}')
    if name == 'robot_id':
        check_robot_id(value)
    if name == 'cpus':
        read_cpus(value)
    if parameter.choices and value not in parameter.choices:
        words = ', '.join(choice or "''" for choice in parameter.choices)
        raise ValueError(
            f'parameter {name}: expected one of {words}, got {value!r}; '
            f'{did_you_mean(value, [choice for choice in parameter.choices if choice])}'
        )


def _check_range(name: str, parameter: Parameter, value: float) -> None:
    low = -math.inf if parameter.low is None else parameter.low
    high = math.inf if parameter.high is None else parameter.high
    if math.isfinite(value) and low <= value <= high:
        return
    if parameter.low is None and parameter.high is None:
        ends = 'that is finite'
    elif parameter.high is None:
        ends = f'of at least {low:g}'
    else:
        ends = f'from {low:g} to {high:g}'
    expected = f'{_EXPECTED[type(parameter.default)]} {ends}'
    raise ValueError(f'parameter {name}: expected {expected}, got {value!r} ({parameter.meaning})')


def _how_to_write(name: str, kind: type) -> str:
    if kind is str:
        return (
            f"quote it: in a parameter file write {name}: 'TEXT', on a command line "
            f'-p "{name}:=\'TEXT\'"'
        )
    example = {bool: 'true', int: '3', float: '0.5'}[kind]
    return f'write it without quotes, as in {name}:={example}'


def _shown(value: Any) -> str:
    words = {bool: 'the flag', int: 'the whole number', float: 'the number', str: 'the text'}
    word = words.get(type(value), type(value).__name__)
    return f'{word} {str(value).lower() if isinstance(value, bool) else repr(value)}'


def defaults(node: str) -> Mapping[str, Any]:
    """Name and default of every parameter of a node that has a default."""
    return {
        name: parameter.default
        for name, parameter in NODES[node].items()
        if not parameter.required
    }
