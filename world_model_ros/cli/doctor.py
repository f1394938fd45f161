# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `doctor` verb: what a computer, or a robot with its topics and files, has and lacks."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.deploy.finding import worst_first
from world_model_ros.deploy.machine import MIN_FREE_MB, disk_finding, examine


def doctor_command(
    as_json: Annotated[bool, typer.Option('--json', help='Print one JSON object.')] = False,
    topic: Annotated[
        str, typer.Option(help='Listen to this live topic alone: rate, loss, type, stamps.')
    ] = '',
    contract: Annotated[
        str, typer.Option(help='Examine this robot (name or file): its topics, who commands, …')
    ] = '',
    rate: Annotated[
        float, typer.Option(min=0.0, help='topic: Hz that its driver should send; 0: unknown.')
    ] = 0.0,
    seconds: Annotated[float, typer.Option(min=0.1, max=600.0, help='How long to listen.')] = 5.0,
    namespace: Annotated[str, typer.Option(help='Of relative topics.')] = '',
    bundle: Annotated[
        str, typer.Option(help='contract: is this bundle (name or folder) whole and made for it?')
    ] = '',
    store: Annotated[str, typer.Option(help='contract: can this store be reached?')] = '',
    provider: Annotated[
        str, typer.Option(help='What the graphs should run on: auto, cpu, cuda or tensorrt.')
    ] = 'auto',
    folder: Annotated[Path, typer.Option(help='Folder of the recordings: is there room?')] = Path(
        'episodes'
    ),
    min_free_mb: Annotated[
        int, typer.Option(min=0, help='MiB that must be free there, as the recorder has it.')
    ] = MIN_FREE_MB,
) -> None:
    """Say what is wrong, worst first, each with its remedy; exit 1 if a robot cannot run.

    Without options it examines this computer. With --contract it also listens to the robot's
    topics as the agent does and looks at the ROS graph.
    """
    if topic and contract:
        raise typer.BadParameter('give --topic or --contract, not both')
    if (bundle or store) and not contract:
        raise typer.BadParameter('--bundle and --store belong to a robot: give --contract too')
    if topic:
        from world_model_ros.cli._examined import examine_topic

        findings = examine_topic(topic, rate, seconds, namespace)
    elif contract:
        from world_model_ros.cli._examined import Asked, examine_robot

        robot = load_contract(find_robot(contract))
        asked = Asked(seconds, namespace, bundle, store, folder, min_free_mb, provider)
        findings = examine_robot(robot, asked)
    else:
        findings = [*examine(provider), disk_finding(folder, min_free_mb)]
    findings = worst_first(findings)
    well = all(finding.ok is not False for finding in findings)
    if as_json:
        rows = [{'mark': row.mark, **asdict(row)} for row in findings]
        typer.echo(json.dumps({'well': well, 'findings': rows}))
    else:
        for finding in findings:
            typer.echo(f'{finding.mark:<5}{finding.what:<12} {finding.text}')
    raise typer.Exit(0 if well else 1)
