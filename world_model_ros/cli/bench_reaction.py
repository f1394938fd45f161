# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench reaction`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bench.reaction import ARM, measure
from world_model_ros.bench.reaction_figures import FAULTS
from world_model_ros.cli._arguments import refuse
from world_model_ros.cli._reported import reported, say_progress
from world_model_ros.contract import find_robot, load_contract

if TYPE_CHECKING:
    pass


def reaction_command(
    runs: Annotated[int, typer.Option(min=1, help='Of each fault.')] = 20,
    fault: Annotated[
        list[str] | None, typer.Option(help='Only this one; may be given again.')
    ] = None,
    robot: Annotated[
        str, typer.Option(help='Robot file for the unfriendly arm, by name or path.')
    ] = ARM,
    seed: Annotated[int, typer.Option(help='Of the moments of the faults.')] = 0,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure the time from each fault to the first safe command, and the pause before it."""
    names = tuple(dict.fromkeys(fault or FAULTS))
    if unknown := set(names) - set(FAULTS):
        raise typer.BadParameter(
            f'--fault {", ".join(sorted(unknown))}: expected one of {", ".join(FAULTS)}'
        )
    contract = load_contract(find_robot(robot))
    if not contract.image_streams or not contract.joint_streams:
        refuse(f'{contract.name}: expected a robot with a camera and joints')
    figures: dict[str, Any] = {
        'bench': 'reaction',
        'robot': contract.name,
        'runs': runs,
        'seed': seed,
        'machine': machine(),
    }
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        path, folder = find_robot(robot), Path(temporary)
        measure(contract, path, folder, runs, seed, names, figures, say_progress)


def _show(figures: dict[str, Any]) -> None:
    for name, figure in figures.get('faults', {}).items():
        after, pause = figure['after_fault_ms'], figure['after_last_chunk_ms']
        if not after['n']:
            continue
        text = f'{name:<13} median {after["median"]:6.1f} ms   max {after["max"]:6.1f}'
        text += f'   pause median {pause["median"]:6.1f}   max {pause["max"]:6.1f}'
        text += f'   n {after["n"]} (discarded {figure["discarded"]})'
        text += f'   earlier {figure["earlier_median_ms"]:.0f}'
        if 'goal_ms' in figure:
            text += f'   goal {figure["goal_ms"]:.0f}: {"yes" if figure["reached"] else "no"}'
        typer.echo(text)
