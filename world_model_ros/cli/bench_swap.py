# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench swap`: its options, and what is printed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bench.swap_change import GOAL, run
from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.cli._arguments import simulated
from world_model_ros.cli._reported import reported


def swap_command(
    bundle: Annotated[str, typer.Option(help='Bundle folder, or a shipped name.')] = 'reacher',
    episodes: Annotated[int, typer.Option(min=1, help='Episodes to swap in.')] = 3,
    ticks: Annotated[int, typer.Option(min=80, help='Ticks per episode.')] = 200,
    plan: Annotated[bool, typer.Option(help='Plan, or the policy alone.')] = True,
    returns: Annotated[bool, typer.Option(help='Also run whole episodes with swaps.')] = False,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Swap a bundle for itself after k ticks of burn-in; report how far actions change."""
    folder = find_bundle(bundle)
    loaded = load_bundle(folder)
    simulated(loaded.contract)
    figures: dict[str, Any] = {
        'bench': 'swap',
        'bundle': folder.name,
        'episodes': episodes,
        'plan': plan,
        'returns': None,
        'machine': machine(),
    }
    with reported(figures, _show, as_json=as_json):
        run(loaded, episodes, ticks, plan, returns, figures)


def _show(figures: dict[str, Any]) -> None:
    if 'burn_in' in figures:
        typer.echo('burn-in   change of the action, in halves of its range')
        for row in figures['burn_in']:
            below = f'   below {GOAL:g}: {row["below_goal"]:.0%}'
            typer.echo(f'{row["ticks"]:4d} ticks  {_changes(row)}{below}')
        typer.echo(f'as done     {_changes(figures["as_done"])}')
    for name, values in (figures['returns'] or {}).items():
        if name != 'every':
            typer.echo(f'{name:12s} returns {", ".join(f"{value:.0f}" for value in values)}')


def _changes(row: dict[str, Any]) -> str:
    return '   '.join(f'{name} {row[name]:.4f}' for name in ('median', 'p99', 'worst'))
