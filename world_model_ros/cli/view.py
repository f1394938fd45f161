# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `view` verb: a robot in the browser, live or from a recorded episode."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from world_model_ros.cli._arguments import installed, refuse
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.deploy.nodes_table import PAGE_MODULES


def view_command(
    robot: Annotated[
        str, typer.Argument(help='Robot name or contract file of the robot that runs.')
    ] = '',
    namespace: Annotated[str, typer.Option(help='Namespace of its nodes.')] = '',
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
    """Show what a robot sees, believes and imagines, in a browser, with a stop button."""
    installed('view', *PAGE_MODULES)
    if (episode is None) == (not robot):
        raise typer.BadParameter('name the robot that runs, or an episode with --episode')
    if episode is not None:
        _play(episode, bundle, host, port)
        return
    from world_model_ros.deploy.nodes_table import parameter_file_text
    from world_model_ros.nodes import _common
    from world_model_ros.nodes.dashboard import DashboardNode
    from world_model_ros.view.port import PortError, listening_socket

    contract = str(find_robot(robot).resolve())
    load_contract(Path(contract))
    try:
        listening_socket(host, port).close()  # refused here in one line, before ROS starts
    except PortError as error:
        refuse(str(error))
    with tempfile.TemporaryDirectory(prefix='world_model_view_') as folder:
        own = Path(folder) / 'dashboard.yaml'
        values = {'contract': contract, 'host': host, 'port': port}
        own.write_text(parameter_file_text('/**', values), encoding='utf-8')
        line = ['--ros-args', '--params-file', str(own)]
        if namespace.strip('/'):
            line += ['-r', f'__ns:=/{namespace.strip("/")}']
        raise typer.Exit(_common.run_node(DashboardNode, line))


def _play(episode: Path, bundle: str, host: str, port: int) -> None:
    from world_model_ros.experience import EpisodeError
    from world_model_ros.view.playing import play

    try:
        play(episode, bundle, host, port, typer.echo)
    except (EpisodeError, ValueError) as error:
        refuse(str(error))
