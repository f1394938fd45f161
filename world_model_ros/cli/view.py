# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `view` verb: robots in the browser, live or from a recorded episode."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from world_model_ros.cli._arguments import installed, refuse
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.deploy.nodes_table import PAGE_MODULES, parameter_file_text

_NAMESPACE = re.compile(r'[A-Za-z_]\w*(/[A-Za-z_]\w*)*', re.ASCII)


def view_command(
    robots: Annotated[
        list[str] | None,
        typer.Argument(
            metavar='[ROBOT[@NAMESPACE]]...',
            help='Robot name or contract file of the robot that runs, and the namespace of its '
            'nodes; of several robots one after the other.',
        ),
    ] = None,
    namespace: Annotated[str, typer.Option(help='Namespace, where one robot is named.')] = '',
    episode: Annotated[
        Path | None, typer.Option(help='Show this recorded episode instead of a running robot.')
    ] = None,
    bundle: Annotated[
        str, typer.Option(help='For --episode: whose beliefs (default: the shipped one).')
    ] = '',
    host: Annotated[
        str, typer.Option(help='Address to listen on; 0.0.0.0: all networks of this machine.')
    ] = '127.0.0.1',
    port: Annotated[int, typer.Option(min=0, max=65535, help='Port; 0: any free one.')] = 8642,
) -> None:
    """Show what robots see, believe and imagine, in a browser, with a stop button."""
    installed('view', *PAGE_MODULES)
    if (episode is None) == (not robots):
        raise typer.BadParameter('name the robot that runs, or an episode with --episode')
    if episode is not None:
        _play(episode, bundle, host, port)
        return
    named = _named(robots or [], namespace)
    from world_model_ros.nodes import _common
    from world_model_ros.nodes.dashboard import dashboards
    from world_model_ros.view.port import PortError, listening_socket

    try:
        listening_socket(host, port).close()  # refused here in one line, before ROS starts
    except PortError as error:
        refuse(str(error))
    with tempfile.TemporaryDirectory(prefix='world_model_view_') as folder:
        own = Path(folder) / 'dashboard.yaml'
        sections = [
            parameter_file_text(
                f'/{space}/dashboard'.replace('//', '/'),
                {'contract': contract, 'host': host, 'port': port},
            )
            for space, contract in named.items()
        ]
        own.write_text(''.join(sections), encoding='utf-8')
        line = ['--ros-args', '--params-file', str(own)]
        raise typer.Exit(_common.run_node(partial(dashboards, list(named)), line))


def _named(robots: list[str], namespace: str) -> dict[str, str]:
    """Namespace -> contract file of each robot.

    Raises:
        ContractError: one has no contract.
        typer.BadParameter: two robots would be one, or a namespace is none.
    """
    if namespace.strip('/') and len(robots) > 1:
        raise typer.BadParameter('--namespace is of one robot; of several write ROBOT@NAMESPACE')
    rows = []
    for text in robots:
        apart = '@' in text and not Path(text).is_file()
        robot, _, space = text.rpartition('@') if apart else (text, '', namespace)
        space = space.strip('/')
        if space and not _NAMESPACE.fullmatch(space):
            raise typer.BadParameter(
                f'{text}: expected a namespace such as arm_left, got {space!r}'
            )
        contract = str(find_robot(robot).resolve())
        load_contract(Path(contract))
        rows.append((space, contract))
    twice = [space or 'no namespace' for space, n in Counter(s for s, _ in rows).items() if n > 1]
    if twice:
        raise typer.BadParameter(
            f'{twice[0]} is named twice: robots that run side by side have namespaces of their '
            'own; write ROBOT@NAMESPACE'
        )
    return dict(rows)


def _play(episode: Path, bundle: str, host: str, port: int) -> None:
    from world_model_ros.experience import EpisodeError
    from world_model_ros.view.playing import play

    try:
        play(episode, bundle, host, port, typer.echo)
    except (EpisodeError, ValueError) as error:
        refuse(str(error))
