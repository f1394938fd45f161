# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `doctor` verb: what this machine, or its live topics, have and lack."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.deploy.machine import Finding, examine


def doctor_command(
    as_json: Annotated[bool, typer.Option('--json', help='Print one JSON object.')] = False,
    topic: Annotated[
        str, typer.Option(help='Listen to this live topic instead: rate, loss, type, stamps.')
    ] = '',
    contract: Annotated[
        str, typer.Option(help='Listen to the streams of this robot (name or file) instead.')
    ] = '',
    rate: Annotated[
        float, typer.Option(min=0.0, help='topic: Hz that its driver should send; 0: unknown.')
    ] = 0.0,
    seconds: Annotated[float, typer.Option(min=0.1, max=600.0, help='How long to listen.')] = 5.0,
    namespace: Annotated[str, typer.Option(help='Of relative topics.')] = '',
) -> None:
    """Say what this machine has and lacks; exit 1 if running a robot is not possible.

    With --topic or --contract: listen to live topics as the agent does, and say what is lost and
    how it is stamped; exit 1 if a robot cannot run with them.
    """
    if topic and contract:
        raise typer.BadParameter('give --topic or --contract, not both')
    if topic or contract:
        findings = _examine_topics(topic, contract, rate, seconds, namespace)
    else:
        findings = examine()
    well = all(finding.ok is not False for finding in findings)
    if as_json:
        typer.echo(json.dumps({'well': well, 'findings': [asdict(row) for row in findings]}))
    else:
        marks = {True: 'ok  ', False: 'BAD ', None: '-   '}
        for finding in findings:
            typer.echo(f'{marks[finding.ok]}{finding.what:<12} {finding.text}')
    raise typer.Exit(0 if well else 1)


def _examine_topics(
    topic: str, contract: str, rate_hz: float, seconds: float, namespace: str
) -> list[Finding]:
    """Listen to one topic, or to all streams of a contract; one finding for each."""
    from world_model_ros.nodes._probe import measure
    from world_model_ros.telemetry.live_topics import Expected, Wanted, expected_of, judge

    if contract:
        expected = expected_of(load_contract(find_robot(contract)))
    else:
        expected = [Expected(topic, topic, rate_hz=rate_hz)]
    wanted = [Wanted(item.topic, item.type) for item in expected]
    found = measure(wanted, seconds, namespace)
    return [judge(item, got) for item, got in zip(expected, found, strict=True)]
