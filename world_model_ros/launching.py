# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the table of nodes to launch arguments and launch actions, for the files in launch/.

`declared` is plain data; only `processes` imports launch_ros, when a launch file runs. Nothing
but the launch files imports this module.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from world_model_ros.contract import config_directories
from world_model_ros.nodes_table import (
    PACKAGE,
    PARAMETERS_FILE,
    NodeEntry,
    Settings,
    extra_environment,
    setting_names,
)

# Settings that a user of a launch file may give, with the words that --show-args prints.
MEANINGS = {
    'contract': 'Robot contract: a shipped name or a path to its YAML',
    'bundle': 'Directory of the exported model; empty, with explore: begin without one',
    'robot_id': 'Name of this robot in all records',
    'namespace': 'Namespace of all nodes and topics',
    'directory': 'Folder of the recorded episodes',
    'store': 'Folder or URL that episodes go to and releases come from; empty: none',
    'slots': "Folder of this robot's bundles that came from the store",
    'use_sim_time': 'Follow /clock',
    'autostart': 'Act at once; false: think in shadow until activated',
    'explore': 'Explore, and flag every tick as exploration',
    'explore_std': 'Exploring with a bundle: noise on top at most, a share of half the range',
    'explore_amplitude': 'Exploring without one: reach of the noise, the same unit',
    'explore_ticks': 'Where a service resets: ticks of an exploring episode; 0: a whole one',
    'evaluate_every': 'Exploring: every n-th acting episode is an evaluation; 0: none',
    'plan': 'Plan in imagination; false: the policy alone',
    'tick_source': "Overrides the contract's tick source",
    'seed': 'Simulated episode i starts from seed + i',
    'speed': 'Simulated seconds per second',
    'reality': 'Name or file in config/reality',
    'log_level': 'Of all nodes',
    'respawn': 'Start a node again when it ends; an agent then acts only with autostart',
}
_CHOICES = {
    'tick_source': ['', 'timer', 'sim_time', 'stream', 'lockstep'],
    'log_level': ['debug', 'info', 'warn', 'error', 'fatal'],
}
_REQUIRED = ('contract',)
RESPAWN_DELAY_SEC = 1.0


def declared(entries: Sequence[NodeEntry], **defaults: str) -> list[dict[str, Any]]:
    """Keyword arguments of one DeclareLaunchArgument per setting that these nodes take."""
    rows = []
    for name in setting_names(entries):
        row: dict[str, Any] = {'name': name, 'description': MEANINGS[name]}
        default = defaults.get(name, _text(getattr(Settings(contract=''), name)))
        if name not in _REQUIRED:
            row['default_value'] = default
        if name in _CHOICES:
            row['choices'] = _CHOICES[name]
        elif isinstance(getattr(Settings(contract=''), name), bool):
            row['choices'] = ['true', 'false']
        rows.append(row)
    return rows


def settings_from(entries: Sequence[NodeEntry], texts: dict[str, str]) -> Settings:
    """Typed settings from a launch's texts; a text that does not fit is refused by name."""
    values: dict[str, Any] = {}
    for name in setting_names(entries):
        kind = type(getattr(Settings(contract=''), name))
        text = texts[name]
        if kind is bool:
            if text.lower() not in ('true', 'false'):
                raise ValueError(f'launch argument {name}: expected true or false, got {text!r}')
            values[name] = text.lower() == 'true'
            continue
        try:
            values[name] = kind(text)
        except ValueError as error:
            raise ValueError(
                f'launch argument {name}: expected {kind.__name__}, got {text!r}'
            ) from error
    return Settings(**values)


def node_arguments(entry: NodeEntry, settings: Settings) -> dict[str, Any]:
    """Keyword arguments of the launch_ros action of one process."""
    files = [
        str(folder / PARAMETERS_FILE)
        for folder in config_directories()
        if (folder / PARAMETERS_FILE).is_file()
    ][:1]
    return {
        'package': PACKAGE,
        'executable': entry.executable,
        'name': entry.executable,
        'namespace': settings.namespace,
        'output': 'screen',
        'emulate_tty': True,
        'parameters': [*files, settings.parameters(entry)],
        'remappings': settings.remappings(),
        'additional_env': extra_environment(entry, config_directories(), os.environ),
        'ros_arguments': ['--log-level', settings.log_level],
        'respawn': settings.respawn,
        'respawn_delay': RESPAWN_DELAY_SEC,
    }


def processes(context: Any, entries: Sequence[NodeEntry]) -> list:
    """The launch actions of these nodes; called by OpaqueFunction once arguments are known."""
    from launch_ros.actions import LifecycleNode, Node

    settings = settings_from(entries, dict(context.launch_configurations))
    return [
        (LifecycleNode if entry.lifecycle else Node)(**node_arguments(entry, settings))
        for entry in entries
        if settings.starts(entry)
    ]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
