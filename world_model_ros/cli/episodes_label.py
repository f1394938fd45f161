# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`episodes label`: success, failure or rewards, said after the recording."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.cli._arguments import refuse
from world_model_ros.contract import load_contract
from world_model_ros.experience import EpisodeError, EpisodeReader, to_arrays
from world_model_ros.experience.read.describe import episodes_at
from world_model_ros.experience.read.labels import Label, rated, write_label
from world_model_ros.onboard.tick.tick_record import TickRecordError
from world_model_ros.plugins import PluginError
from world_model_ros.wire.cdr import MessageError


def label_command(
    episodes: Annotated[list[Path], typer.Argument(help='Episodes, or folders that hold some.')],
    success: Annotated[
        bool, typer.Option('--success', help='The task was done: reward 1 at the last tick.')
    ] = False,
    failure: Annotated[
        bool, typer.Option('--failure', help='It was not: reward 0 at every tick.')
    ] = False,
    function: Annotated[
        str,
        typer.Option(help='MODULE:FUNCTION that rates ticks, as reward.function in a contract.'),
    ] = '',
    clear: Annotated[bool, typer.Option('--clear', help='Remove the label.')] = False,
    contract: Annotated[
        str, typer.Option(help="For --function: another contract than the episode's own.")
    ] = '',
) -> None:
    """Say how episodes went; a file beside the recording holds it, and train reads it.

    Label before the episodes are uploaded or learned from: what is learned stays learned.
    """
    if [success, failure, bool(function), clear].count(True) != 1:
        raise typer.BadParameter('give one of --success, --failure, --function and --clear')
    if function:
        sys.path.insert(0, os.getcwd())  # as python -m: a module in the folder where one works
    robot = load_contract(contract) if contract else None
    found = [episode for path in episodes for episode in episodes_at(path)]
    if not found:
        refuse(f'no episode in {", ".join(map(str, episodes))}')
    for episode in found:
        try:
            reader = EpisodeReader(episode)
            label = None
            if function:
                used = robot or reader.contract
                label = rated(reader.info.uuid, function, to_arrays(reader, used), used)
            elif not clear:
                label = Label(reader.info.uuid, 'success' if success else 'failure')
            write_label(episode, label)
        except (EpisodeError, MessageError, TickRecordError, PluginError, OSError) as error:
            refuse(f'{episode}: {" ".join(str(error).split())[:500]}')
        typer.echo(f'{episode}: {"no label" if label is None else _shown(label)}')


def _shown(label: Label) -> str:
    if label.outcome != 'rated':
        return label.outcome
    known = [number for number in label.rewards if number is not None]
    return f'{len(known)} ticks rated, return {sum(known):.3f}'


def as_command(app: Any) -> None:
    """Add it to the verbs of `episodes`."""
    app.command('label')(label_command)
