# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the table of nodes to launch arguments and launch actions, for the files in launch/.

What can be judged before anything runs is judged here, once: every argument, the contract and
where the bundle is. An error ends the launch with its text. Values count in this order, the last
first: a node's default, SetParameter of an including launch file, `params_file`, launch arguments
that were given. Plain data up to `launch_actions`, which alone imports launch; nothing but the
launch files calls it.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from world_model_ros.bundle import find_bundle
from world_model_ros.contract import config_directories, find_robot, load_contract
from world_model_ros.deploy.node_parameters import NODES, Parameter, fitting
from world_model_ros.deploy.nodes_table import (
    DASHBOARD,
    IMAGINED_ROBOT,
    PACKAGE,
    PAGE_MODULES,
    NodeEntry,
    Settings,
    apart,
    extra_environment,
    parameter_file_text,
    setting_names,
)
from world_model_ros.user_path import user_path

# Settings of a user that are no node's parameters, as the words that --show-args prints.
_OF_PROCESSES = {
    'namespace': Parameter('', 'Namespace of all nodes and topics'),
    'use_sim_time': Parameter(False, 'Follow /clock'),
    'log_level': Parameter(
        'info', 'Of all nodes', choices=('debug', 'info', 'warn', 'error', 'fatal')
    ),
    'params_file': Parameter(
        '', 'Parameter file of your own; launch arguments that are given override it'
    ),
    'remappings': Parameter(
        '', 'Of all nodes, as in "joint_states:=/arm/joints image:=/cam/image"'
    ),
    'respawn': Parameter(
        False,
        'Start a node again when it ends; false: the launch ends with guard, agent or simulator',
    ),
    'respawn_delay': Parameter(1.0, 'Seconds until a node is started again', low=0.0),
    'dashboard': Parameter(False, 'Serve the page for the browser too (extra `view`)'),
}
ENDING_SEC = 0.2
ENDED = 'The robot must not go on without it: the launch ends. respawn:=true starts it again'
_NAME = r'[~/A-Za-z_][\w/]*'
_REMAPPING = re.compile(rf'((?:\w+:)?{_NAME}):=({_NAME})')


def setting(name: str, entries: Sequence[NodeEntry]) -> Parameter:
    """Default, meaning and range of a setting."""
    if name in _OF_PROCESSES:
        return _OF_PROCESSES[name]
    return next(
        NODES[entry.executable][name] for entry in entries if name in NODES[entry.executable]
    )


def declared(entries: Sequence[NodeEntry], **defaults: str) -> list[dict[str, Any]]:
    """Keyword arguments of one DeclareLaunchArgument per setting that these nodes take."""
    rows = []
    optional = {field.name for field in fields(Settings) if field.default is not MISSING}
    for name in setting_names(entries):
        parameter = setting(name, entries)
        row: dict[str, Any] = {'name': name, 'description': parameter.meaning}
        if name in defaults or (name in optional and not parameter.required):
            row['default_value'] = defaults.get(name, _text(parameter.default))
        if isinstance(parameter.default, bool):
            row['choices'] = ['true', 'false']
        elif parameter.choices:
            row['choices'] = list(parameter.choices)
        rows.append(row)
    return rows


def settings_from(
    entries: Sequence[NodeEntry], texts: dict[str, str], given: frozenset[str] = frozenset()
) -> Settings:
    """Typed settings from a launch's texts; `given` are those that the user wrote.

    Raises:
        ValueError: a text does not fit; in one line, with the argument's name.
    """
    names = setting_names(entries)
    values: dict[str, Any] = {}
    for name in names:
        try:
            values[name] = _value(name, setting(name, entries), texts[name])
        except ValueError as error:
            text = str(error)
            raise ValueError(f'launch argument {text.removeprefix("parameter ")}') from error
    return Settings(**values, given=given & set(names))


def _value(name: str, parameter: Parameter, text: str) -> Any:
    if name == 'remappings':
        return _remappings(text)
    kind = type(parameter.default)
    if kind is tuple:
        return tuple(part for part in re.split(r'[\s,]+', text) if part)
    value: Any = text
    if kind is bool:
        value = {'true': True, 'false': False}.get(text.lower(), text)
    elif kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            value = text
    return fitting(name, parameter, value)


def _remappings(text: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in text.split():
        found = _REMAPPING.fullmatch(part)
        if found is None or part.startswith('__'):
            raise ValueError(
                f'parameter remappings: expected FROM:=TO pairs of topic or service names, with '
                f'spaces between them, as in "joint_states:=/arm/joint_states", got {part!r}'
            )
        pairs.append((found[1], found[2]))
    return tuple(pairs)


def node_arguments(entry: NodeEntry, settings: Settings) -> dict[str, Any]:
    """Keyword arguments of the launch_ros action of one process, but for its own parameters."""
    namespace = settings.namespace.strip('/')
    return {
        'package': PACKAGE,
        'executable': entry.executable,
        'name': entry.executable,
        'namespace': f'/{namespace}' if namespace else '',
        'output': 'screen',
        # What is no terminal gets no token: it goes to a file that only this user may read.
        'emulate_tty': entry is not DASHBOARD,
        'parameters': [str(path) for path in settings.parameter_files()],
        'remappings': settings.all_remappings(),
        'additional_env': extra_environment(entry, config_directories(), os.environ),
        'ros_arguments': ['--log-level', settings.log_level],
        'respawn': settings.respawn,
        'respawn_delay': settings.respawn_delay,
    }


def judged(settings: Settings, outer_namespace: str = '') -> Settings:
    """The settings with whole paths and namespace, once contract and files are known to serve.

    Raises:
        ContractError, BundleError, ValueError: with every fault of what is named.
    """
    contract = find_robot(settings.contract)
    load_contract(contract)
    lacking = [name for name in PAGE_MODULES if importlib.util.find_spec(name) is None]
    if settings.dashboard and lacking:
        raise ValueError(
            f'launch argument dashboard: {", ".join(lacking)} not installed; install the extra '
            '`view`, or leave the argument out'
        )
    bundle = str(find_bundle(settings.bundle).resolve()) if settings.bundle else ''
    own = user_path(settings.params_file).resolve() if settings.params_file else None
    if own is not None and not own.is_file():
        raise ValueError(
            f'launch argument params_file: expected a YAML file, there is none: {own}'
        )
    namespace = settings.namespace
    if not namespace.startswith('/'):  # launch_ros pushes the outer one before a relative one
        namespace = '/'.join(part.strip('/') for part in (outer_namespace, namespace) if part)
    return replace(
        settings,
        contract=str(contract.resolve()),
        bundle=bundle,
        params_file='' if own is None else str(own),
        namespace=namespace.strip('/'),
    )


def own_parameters(entry: NodeEntry, settings: Settings, folder: Path) -> str:
    """Write a node's parameter file below a folder; its path.

    By the node's full name, which in ROS wins over the patterns of files that come before.
    """
    name = '/'.join(part for part in ('', settings.namespace, entry.executable) if part)
    path = folder / f'{entry.executable}.yaml'
    path.write_text(
        parameter_file_text(f'/{name.lstrip("/")}', settings.parameters(entry)), encoding='utf-8'
    )
    return str(path)


def launch_actions(entries: Sequence[NodeEntry], **defaults: str) -> list:
    """Everything of a launch file: arguments, their judgement, and the nodes."""
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    given: set[str] = set()

    def note_given(context: Any) -> None:
        # Before the declarations below, which add their defaults to the same table.
        given.update(context.launch_configurations)

    def processes(context: Any) -> list:
        texts = dict(context.launch_configurations)
        settings = settings_from(entries, texts, frozenset(given))
        settings = judged(settings, texts.get('ros_namespace', ''))
        if IMAGINED_ROBOT in entries:
            settings = apart(settings, load_contract(settings.contract))
        folder = Path(tempfile.mkdtemp(prefix='world_model_launch_'))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        actions = []
        for entry in entries:
            if settings.starts(entry):
                actions += _started(entry, settings, folder)
        return actions

    return [
        OpaqueFunction(function=note_given),
        *(DeclareLaunchArgument(**row) for row in declared(entries, **defaults)),
        OpaqueFunction(function=processes),
    ]


def _started(entry: NodeEntry, settings: Settings, folder: Path) -> list:
    """The actions of one node: what ends the launch with it, then the node."""
    from launch.actions import OpaqueFunction, RegisterEventHandler, TimerAction
    from launch.event_handlers import OnProcessExit
    from launch_ros.actions import LifecycleNode, Node

    arguments = node_arguments(entry, settings)
    arguments['parameters'].append(own_parameters(entry, settings, folder))
    node = (LifecycleNode if entry.lifecycle else Node)(**arguments)
    if settings.respawn or not entry.vital:
        return [node]

    def end_launch(event: Any, _context: Any) -> TimerAction:
        text = f'{entry.executable} ended (exit status {event.returncode}). {ENDED}'

        def end(context: Any) -> None:
            # An exception is the one way to end a launch with a status that is not 0.
            if not context.is_shutdown:
                raise RuntimeError(text)

        # Ctrl-C in a terminal reaches the nodes too, and one may end before the launch has heard.
        return TimerAction(period=ENDING_SEC, actions=[OpaqueFunction(function=end)])

    return [RegisterEventHandler(OnProcessExit(target_action=node, on_exit=end_launch)), node]


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ' '.join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
