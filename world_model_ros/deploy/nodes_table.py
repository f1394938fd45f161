# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What runs where: the one table of processes, and what a user chooses when starting a robot.

The launch files and the `demo` supervisor both build their processes from here, so that they
cannot drift apart; the parameters themselves stand in node_parameters.py. A node gets only what
the user gave or what differs from its default: a setting that nobody touched must not override
the user's own parameter file. Plain Python: imports neither rclpy nor launch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.deploy.node_parameters import NODES

PACKAGE = 'world_model_ros'
# Fast DDS settings of a camera driver: with the stock shared-memory segment a third of a VGA
# camera's pictures is lost without a word. The segment belongs to the writer.
DDS_PROFILE = 'dds/fastdds_large_messages.xml'
# Fast DDS 2 of Jazzy reads the first of them only, Fast DDS 3 the second.
DDS_PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')


@dataclass(frozen=True)
class NodeEntry:
    """One process: its executable (also its node name) and which settings it takes."""

    executable: str
    lifecycle: bool
    settings: tuple[str, ...]
    needs: str = ''  # a setting without which it is not started
    vital: bool = False  # a robot without it must not go on as if nothing had happened

    @property
    def module(self) -> str:
        """What `python -m` runs for this executable."""
        return f'{PACKAGE}.nodes.{self.executable}'


# No node's parameters, but of the processes around them.
_OF_PROCESSES = (
    'namespace',
    'log_level',
    'params_file',
    'remappings',
    'respawn',
    'respawn_delay',
    'dashboard',
)
_ALL = ('contract', 'robot_id', 'use_sim_time')
_EXPLORE = (
    'explore',
    'explore_std',
    'explore_amplitude',
    'explore_reach',
    'explore_speed',
    'explore_ticks',
    'evaluate_every',
)
_AGENT = ('tick_source', 'bundle', 'slots', *_EXPLORE, 'plan', 'autostart')
_SIM_ROBOT = (
    'contract',
    'tick_source',
    'seed',
    'speed',
    'reality',
    'reality_after',
    'demonstrate',
)
_IMAGINED_ROBOT = (
    'contract',
    'world',
    'start',
    'known',
    'allowed_listeners',
    'tick_source',
    'speed',
)
_GUARD = (*_ALL, 'tick_source', 'state_directory', 'allowed_publishers')
SIM_ROBOT = NodeEntry('sim_robot', False, _SIM_ROBOT, vital=True)
AGENT = NodeEntry('agent', True, (*_ALL, *_AGENT), vital=True)
GUARD = NodeEntry('guard', True, _GUARD, vital=True)
IMAGINED_ROBOT = NodeEntry('imagined_robot', False, _IMAGINED_ROBOT, vital=True)
RECORDER = NodeEntry('recorder', False, (*_ALL, 'directory', 'store'))
UPDATER = NodeEntry('updater', False, (*_ALL, 'store', 'slots', 'bundle'), needs='store')
_DASHBOARD = ('contract', 'host', 'port', 'address_file')
DASHBOARD = NodeEntry('dashboard', False, _DASHBOARD, needs='dashboard')
PAGE_MODULES = ('starlette', 'uvicorn', 'websockets')  # of the extra `view`

ROBOT = (GUARD, RECORDER, AGENT)
SIM = (SIM_ROBOT, *ROBOT)
IMAGINE = (IMAGINED_ROBOT, *ROBOT)
OPTIONAL = (UPDATER, DASHBOARD)  # started beside each of these where they are asked for
# The default namespace of an imagined robot: never among the topics of a real one.
IMAGINED_NAMESPACE = IMAGINED_ROBOT_ID = 'imagined'
IMAGINED_EPISODES = 'episodes/imagined'


@dataclass(frozen=True)
class Settings:
    """What a user chooses when starting a robot; every node gets its share of it."""

    contract: str
    robot_id: str
    bundle: str = ''
    namespace: str = ''
    directory: str = 'episodes'
    store: str = ''
    slots: str = 'slots'
    use_sim_time: bool = False
    autostart: bool = False
    explore: bool = False
    explore_std: float = 0.2
    explore_amplitude: float = 0.3
    explore_reach: float = 0.1
    explore_speed: float = 0.1
    explore_ticks: int = 0
    evaluate_every: int = 0
    plan: bool = True
    tick_source: str = ''
    seed: int = 0
    speed: float = 1.0
    reality: str = 'nominal'
    reality_after: float = 0.0  # s
    demonstrate: int = 0
    world: str = ''
    start: str = ''
    known: str = ''
    allowed_listeners: tuple[str, ...] = ()
    state_directory: str = ''
    allowed_publishers: tuple[str, ...] = ()
    log_level: str = 'info'
    params_file: str = ''
    remappings: tuple[tuple[str, str], ...] = ()
    respawn: bool = False
    respawn_delay: float = 1.0  # s
    dashboard: bool = False
    host: str = '127.0.0.1'
    port: int = 8642
    address_file: str = ''
    given: frozenset[str] = frozenset()  # settings that the user wrote, whatever their value

    def parameters(self, entry: NodeEntry) -> dict[str, object]:
        """The ROS parameters of one process that its own defaults do not have already."""
        table = NODES[entry.executable]
        values: dict[str, object] = {}
        for name in entry.settings:
            value = getattr(self, name)
            default = table[name].default if name in table else False  # rclpy's use_sim_time
            if name in self.given or value != default:
                # An empty list has no type in ROS.
                values[name] = (list(value) or ['']) if isinstance(value, tuple) else value
        return values

    def starts(self, entry: NodeEntry) -> bool:
        """Whether a process has what it cannot do without."""
        return not entry.needs or bool(getattr(self, entry.needs))

    def all_remappings(self) -> list[tuple[str, str]]:
        """Topic remappings of every process; the user's come first, and the first one counts.

        Each simulated robot has its own time: in a namespace `/clock` becomes its own topic.
        """
        clock = [('/clock', f'/{self.namespace.strip("/")}/clock')]
        return [*self.remappings, *(clock if self.namespace and self.use_sim_time else [])]

    def parameter_files(self) -> list[Path]:
        """The user's own parameter file, if there is one."""
        return [Path(self.params_file)] if self.params_file else []


def extra_environment(
    entry: NodeEntry,
    folders: Sequence[Path],
    present: Mapping[str, str],
) -> dict[str, str]:
    """Variables to add for a process; a profile that the user has set stays in force."""
    if entry not in (SIM_ROBOT, IMAGINED_ROBOT) or any(
        name in present for name in DDS_PROFILE_VARIABLES
    ):
        return {}
    files = [folder / DDS_PROFILE for folder in folders if (folder / DDS_PROFILE).is_file()]
    return {DDS_PROFILE_VARIABLES[0]: str(files[0])} if files else {}


def apart(settings: Settings, contract: Contract) -> Settings:
    """The settings of an imagined robot: its world, and topics that no real robot has.

    The world is the bundle that acts in it unless another one is given. A namespace moves relative
    topics only; the contract's absolute ones are remapped into it.
    """
    space = settings.namespace.strip('/')
    settings = replace(settings, world=settings.world or settings.bundle)
    if not space:
        return settings
    topics = dict.fromkeys(robot_topics(contract))
    moved = tuple((topic, f'/{space}{topic}') for topic in topics if topic.startswith('/'))
    return replace(settings, remappings=(*settings.remappings, *moved))


def robot_topics(contract: Contract) -> list[str]:
    """Topics that a robot's driver sends and hears, as the contract writes them."""
    streams = [
        name
        for stream in contract.sensed
        for name in (stream.topic, *(b.topic for b in stream_kind(stream.kind).companions(stream)))
    ]
    reward = [contract.reward.topic] if contract.reward.topic else []
    return [*streams, *reward, *(group.topic for group in contract.groups)]


class _QuotesTexts(yaml.SafeDumper):
    """Quotes every text: what PyYAML writes plainly, as 123E5, ROS reads as a number."""


_QuotesTexts.add_representer(
    str, lambda dumper, text: dumper.represent_scalar('tag:yaml.org,2002:str', text, style="'")
)


def parameter_file_text(node: str, parameters: Mapping[str, Any]) -> str:
    """A ROS parameter file for a node, by its full name or by a pattern such as `/**`."""
    return yaml.dump({node: {'ros__parameters': dict(parameters)}}, Dumper=_QuotesTexts)


def arguments(entry: NodeEntry, settings: Settings, parameter_files: list[Path]) -> list[str]:
    """The command line of a process behind its executable: everything after --ros-args."""
    line = ['--ros-args', '--log-level', settings.log_level]
    if settings.namespace:
        line += ['-r', f'__ns:=/{settings.namespace.strip("/")}']
    for source, target in settings.all_remappings():
        line += ['-r', f'{source}:={target}']
    for path in parameter_files:
        line += ['--params-file', str(path)]
    return line


def setting_names(entries: Sequence[NodeEntry]) -> list[str]:
    """Settings that matter to these processes, in the order of Settings."""
    taken = {name for entry in entries for name in entry.settings}
    taken.update(_OF_PROCESSES)
    return [field.name for field in fields(Settings) if field.name in taken]
