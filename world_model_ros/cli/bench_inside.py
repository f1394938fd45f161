# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench inside`: its options, and what is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.bundle.bundle_lookup import shipped_bundles
from world_model_ros.bundle.format_names import MANIFEST
from world_model_ros.cli._arguments import known_reality, refuse, simulated
from world_model_ros.cli._reported import reported, say_progress
from world_model_ros.contract import Contract, find_robot, load_contract
from world_model_ros.evaluation.rows import SOURCE


def inside_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    policies: Annotated[
        Path | None,
        typer.Option(
            help='Folder of bundles; their returns outside are kept there (default: '
            'benchmarks/policies/ROBOT, with the bundles of config/ and benchmarks/).'
        ),
    ] = None,
    collect: Annotated[
        str, typer.Option(help='Store whose releases are copied into that folder first.')
    ] = '',
    most: Annotated[int, typer.Option(min=1, help='Releases to copy, evenly spread.')] = 16,
    world: Annotated[
        str, typer.Option(help='Bundle that they are judged in; the shipped one if empty.')
    ] = '',
    reality: Annotated[
        str, typer.Option(help='Reality of the simulator, name or file.')
    ] = 'nominal',
    episodes: Annotated[
        int, typer.Option(min=1, max=20, help='Selection seeds, inside and outside.')
    ] = 5,
    ticks: Annotated[int, typer.Option(min=1, help='Imagined from each seed.')] = 100,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Rank policies by their return inside of a model, against their return in the simulator.

    Damaged policies are added: noise on the policy's weights, and shares of random actions.
    """
    from world_model_ros.bench.inside import measure
    from world_model_ros.bench.inside_policies import InsideError
    from world_model_ros.bench.inside_policies import collect as collect_releases

    contract = load_contract(find_robot(robot))
    simulated(contract)
    shifted = known_reality(reality)
    folder, beside = _places(policies, contract)
    if not folder.is_dir() and not beside and not collect:
        refuse(
            f'{folder}: no such folder; expected one with bundles, such as the releases of a run: '
            'name it with --policies, or a store with --collect'
        )
    judge = load_bundle(find_bundle(world or contract.name), contract, without=('plan', 'policy'))
    figures: dict[str, Any] = {'bench': 'inside', 'robot': contract.name, 'world': judge.name}
    figures |= {'world_sha': judge.digest, 'machine': machine()}
    try:
        if collect:
            collect_releases(collect, contract, folder, most, say_progress)
        with reported(figures, _show, as_json=as_json):
            measure(
                contract, judge, folder, episodes, ticks, figures, say_progress, beside, shifted
            )
    except InsideError as error:
        refuse(str(error))


def _places(policies: Path | None, contract: Contract) -> tuple[Path, dict[str, Path]]:
    """The folder of policies, and the checkout's own bundles, unless a folder is named."""
    if policies is not None:
        return policies, {}
    benchmarks = SOURCE / 'benchmarks'
    beside = {
        path.name: path
        for path in sorted((benchmarks / 'bundles').glob(f'{contract.name}_*'))
        if (path / MANIFEST).is_file()
    }
    shipped = shipped_bundles().get(contract.name)
    if beside and shipped is not None:
        beside[contract.name] = shipped
    return benchmarks / 'policies' / contract.name, beside


def _show(figures: dict[str, Any]) -> None:
    for row in sorted(figures.get('rows', ()), key=lambda row: -float(row['outside'])):
        typer.echo(f'outside {row["outside"]:8.1f}   inside {row["inside"]:8.2f}   {row["name"]}')
    for name in ('spearman', 'spearman_close'):
        if name in figures:
            low, high = figures[f'{name}_interval']
            typer.echo(f'{name:<15} {figures[name]:5.2f} [{low:.2f}, {high:.2f}]')
    for name, reached in figures.get('goals', {}).items():
        typer.echo(f'goal {name}: {"yes" if reached else "no"}')
