# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench update`: its options, and what is printed."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.cli._arguments import LearnOnOption, learnable, refuse
from world_model_ros.cli._reported import reported, say_progress


def update_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    device: LearnOnOption = 'auto',
    family: Annotated[str, typer.Option(help='World-model family.')] = 'dreamer',
    updates: Annotated[int, typer.Option(min=1, help='Updates of a round, per device.')] = 20,
    rounds: Annotated[int, typer.Option(min=1, help='Rounds; the figure is their median.')] = 5,
    threads: Annotated[int, typer.Option(min=1, help='Torch threads.')] = 2,
    seed: Annotated[int, typer.Option(min=0, help='Of weights and made-up ticks.')] = 0,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure updates per second and where their time goes; a GPU in turns with the CPU.

    Learns from made-up ticks: no simulator and no recordings are needed, and nothing is kept.
    """
    contract = learnable(robot)
    from world_model_ros.families.device import DeviceError, choose_device
    from world_model_ros.families.family_registry import FamilyError
    from world_model_ros.training.bench_update import Sizes, bench_update

    figures: dict[str, Any] = {
        'bench': 'update',
        'robot': contract.name,
        'date': datetime.now(timezone.utc).strftime('%Y-%m-%d'),
        'threads': threads,
        'machine': machine(),
    }
    sizes = Sizes(updates, rounds, threads, seed)
    try:
        chosen = choose_device(device)
        say_progress(f'device {chosen.text}')
        steps = bench_update(contract, family, chosen, sizes, figures)
        first = next(steps)
    except (DeviceError, FamilyError) as error:
        refuse(str(error))
    with reported(figures, _show, as_json=as_json):
        say_progress(first)
        for step in steps:
            say_progress(step)


def _show(figures: dict[str, Any]) -> None:
    _show_side(figures)
    if 'on_cpu' in figures:
        _show_side(figures['on_cpu'])
        typer.echo(f'{figures["device"]} takes {figures["ratio"]:.2f} times as many updates')


def _show_side(side: dict[str, Any]) -> None:
    if not side.get('updates_per_s'):
        return
    rates = side['updates_per_s_rounds']
    typer.echo(
        f'{side["device"]}   {side["updates_per_s"]:.2f} updates/s '
        f'({min(rates):.2f} to {max(rates):.2f} in {len(rates)} rounds)'
    )
    for name, share in side['shares'].items():
        typer.echo(f'  {name:<10} {share * 100:5.1f} %')
