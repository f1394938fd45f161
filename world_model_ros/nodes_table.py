# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What runs where: the one table of processes and their parameters.

The launch files and the `demo` supervisor both build their processes from here, so that they
cannot drift apart. Plain Python: imports neither rclpy nor launch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

PACKAGE = 'world_model_ros'
# Fast DDS settings of a camera driver: with the stock shared-memory segment a third of a VGA
# camera's pictures is lost without a word. The segment belongs to the writer.
DDS_PROFILE = 'dds/fastdds_large_messages.xml'
DDS_PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
PARAMETERS_FILE = 'nodes.yaml'  # in the package's config folder, keyed /**: for any namespace


@dataclass(frozen=True)
class NodeEntry:
    """One process: its executable (also its node name) and which settings it takes."""

    executable: str
    lifecycle: bool
    settings: tuple[str, ...]
    needs: str = ''  # a setting without which it is not started

    @property
    def module(self) -> str:
        """What `python -m` runs for this executable."""
        return f'{PACKAGE}.nodes.{self.executable}'


_OF_PROCESSES = ('namespace', 'log_level', 'respawn')  # no node's parameters
_ALL = ('contract', 'robot_id', 'use_sim_time')
_EXPLORE = ('explore', 'explore_std', 'explore_amplitude', 'explore_ticks', 'evaluate_every')
_AGENT = ('tick_source', 'bundle', *_EXPLORE, 'plan', 'autostart')
SIM_ROBOT = NodeEntry('sim_robot', False, ('contract', 'tick_source', 'seed', 'speed', 'reality'))
AGENT = NodeEntry('agent', True, (*_ALL, *_AGENT))
GUARD = NodeEntry('guard', False, (*_ALL, 'tick_source'))
RECORDER = NodeEntry('recorder', False, (*_ALL, 'directory', 'store'))
UPDATER = NodeEntry('updater', False, (*_ALL, 'store', 'slots'), needs='store')

ROBOT = (GUARD, RECORDER, AGENT)
SIM = (SIM_ROBOT, *ROBOT)


@dataclass(frozen=True)
class Settings:
    """What a user chooses when starting a robot; every node gets its share of it."""

    contract: str
    bundle: str = ''
    robot_id: str = 'robot'
    namespace: str = ''
    directory: str = 'episodes'
    store: str = ''
    slots: str = 'slots'
    use_sim_time: bool = False
    autostart: bool = False
    explore: bool = False
    explore_std: float = 0.2
    explore_amplitude: float = 0.3
    explore_ticks: int = 0
    evaluate_every: int = 0
    plan: bool = True
    tick_source: str = ''
    seed: int = 0
    speed: float = 1.0
    reality: str = 'nominal'
    log_level: str = 'info'
    respawn: bool = False

    def parameters(self, entry: NodeEntry) -> dict[str, object]:
        """The ROS parameters of one process."""
        return {name: getattr(self, name) for name in entry.settings}

    def starts(self, entry: NodeEntry) -> bool:
        """Whether a process has what it cannot do without."""
        return not entry.needs or bool(getattr(self, entry.needs))

    def remappings(self) -> list[tuple[str, str]]:
        """Topic remappings of every process.

        Each simulated robot has its own time: in a namespace `/clock` becomes its own topic.
        """
        if self.namespace and self.use_sim_time:
            return [('/clock', f'/{self.namespace.strip("/")}/clock')]
        return []


def extra_environment(
    entry: NodeEntry,
    folders: Sequence[Path],
    present: Mapping[str, str],
) -> dict[str, str]:
    """Variables to add for a process; a profile that the user has set stays in force."""
    if entry is not SIM_ROBOT or any(name in present for name in DDS_PROFILE_VARIABLES):
        return {}
    files = [folder / DDS_PROFILE for folder in folders if (folder / DDS_PROFILE).is_file()]
    return {DDS_PROFILE_VARIABLES[0]: str(files[0])} if files else {}


def arguments(entry: NodeEntry, settings: Settings, parameter_files: list[Path]) -> list[str]:
    """The command line of a process behind its executable: everything after --ros-args."""
    line = ['--ros-args', '--log-level', settings.log_level]
    if settings.namespace:
        line += ['-r', f'__ns:=/{settings.namespace.strip("/")}']
    for source, target in settings.remappings():
        line += ['-r', f'{source}:={target}']
    for path in parameter_files:
        line += ['--params-file', str(path)]
    return line


def setting_names(entries: Sequence[NodeEntry]) -> list[str]:
    """Settings that matter to these processes, in the order of Settings."""
    taken = {name for entry in entries for name in entry.settings}
    return [
        field.name
        for field in fields(Settings)
        if field.name in taken or field.name in _OF_PROCESSES
    ]
