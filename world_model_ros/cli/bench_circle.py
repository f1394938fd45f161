# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench circle`: does a robot that changed get better by itself, and than what?

Runs `world-model demo` on a shifted robot in real time and evaluates the last release, by the
protocol of docs/evaluation.md, against the frozen bundle and the other arms. Evaluation is in
lockstep after the run, so it takes nothing from the robot.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from world_model_ros.bench.child_demo import read, run_demo
from world_model_ros.bench.circle_curve import lived_rows, write_curve
from world_model_ros.bench.measure import machine
from world_model_ros.bench.results import reported
from world_model_ros.cli._arguments import (
    fresh_folder,
    installed,
    known_bundle,
    known_reality,
    new_file,
)
from world_model_ros.contract import find_robot, interface_hash, load_contract
from world_model_ros.telemetry.circle import TRAINER_NEEDS, learner_beside

ARMS = Path(__file__).parents[2] / 'benchmarks' / 'bundles'  # of a source checkout
STARTING_S = 180.0  # beyond the minutes asked for: starting, sealing, saving


def circle_command(
    robot: Annotated[str, typer.Option(help='Robot name or contract file.')] = 'reacher',
    minutes: Annotated[float, typer.Option(min=0.5, help='How long the robot lives.')] = 30.0,
    reality: Annotated[str, typer.Option(help='The change; empty: shifted_ROBOT.')] = '',
    from_scratch: Annotated[
        bool, typer.Option('--from-scratch', help='No weights at all, on the nominal robot.')
    ] = False,
    bundle: Annotated[str, typer.Option(help='Bundle to start from; the shipped one.')] = '',
    randomised: Annotated[
        Path | None, typer.Option(help='Bundle trained with --randomize; benchmarks/bundles.')
    ] = None,
    oracle: Annotated[
        Path | None, typer.Option(help='Bundle trained in the changed robot; benchmarks/bundles.')
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, max=100, help='Report seeds per arm.')] = 20,
    seed: Annotated[int, typer.Option(help='Of the lived episodes.')] = 0,
    jobs: Annotated[int, typer.Option(min=1, help='Processes that evaluate.')] = 2,
    keep: Annotated[Path | None, typer.Option(help='Keep store, episodes and logs here.')] = None,
    curve: Annotated[
        Path | None, typer.Option(help='One CSV row per lived episode, and a PNG beside it.')
    ] = None,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Live, learn and swap in real time; then compare adapted, frozen and the other arms."""
    contract = load_contract(find_robot(robot))
    changed = 'nominal' if from_scratch else reality or f'shifted_{contract.name}'
    installed('train', *TRAINER_NEEDS, *(['matplotlib'] if curve is not None else []))
    known_reality(changed)
    frozen = None if from_scratch else known_bundle(bundle or contract.name, contract)
    if frozen is not None:
        learner_beside(frozen)
    stock = not (from_scratch or reality)
    others = {
        name: known_bundle(other, contract)
        for name, given in (('randomised', randomised), ('oracle', oracle))
        if (other := given or (_stock_arm(contract.name, name) if stock else None)) is not None
    }
    if keep is not None:
        fresh_folder(keep, '--keep')
    if curve is not None:
        new_file(curve, '--curve')
    figures: dict[str, Any] = {
        'bench': 'circle',
        'robot': contract.name,
        'reality': changed,
        'minutes': minutes,
        'seed': seed,
        'from_scratch': from_scratch,
        'machine': machine(),
    }
    arms = _Arms(contract.text, episodes, jobs)
    with (
        tempfile.TemporaryDirectory(prefix='world_model_circle_') as temporary,
        reported(figures, _show, as_json=as_json),
        _written(figures, arms, curve, seed),
    ):
        if frozen is not None:
            arms.run('frozen_nominal', frozen, 'nominal')
            arms.run('frozen', frozen, changed)
            figures['shift_loss'] = round(arms.loss(), 4)
            if arms.is_mild():
                typer.echo(
                    f'world-model: {changed} costs the frozen bundle {arms.loss():.0%}: a mild '
                    'shift carries no claim (docs/evaluation.md)',
                    err=True,
                )
                raise typer.Exit(1)
        folder = (keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        _live(robot, changed, minutes, from_scratch, bundle, seed, folder, figures)
        adapted = _last_bundle(folder, interface_hash(contract))
        if adapted is not None:
            arms.run('adapted', adapted, changed)
            if changed != 'nominal':
                arms.run('adapted_nominal', adapted, 'nominal')
        for name, other in others.items():
            arms.run(name, other, changed)
    if figures['died']:
        raise typer.Exit(1)


@contextlib.contextmanager
def _written(
    figures: dict[str, Any], arms: _Arms, curve: Path | None, seed: int
) -> Iterator[None]:
    """Put what the arms returned until then into the figures and the curve, whatever ends it."""
    try:
        yield
    finally:
        figures |= arms.figures()
        left = ('adapted', 'randomised', 'oracle')
        figures['arms_left_out'] = [name for name in left if name not in arms.returns]
        if curve is not None and 'returns' in figures:
            means = {name: sum(values) / len(values) for name, values in arms.returns.items()}
            write_curve(curve, lived_rows(figures['returns'], seed), means)


class _Arms:
    """Returns per arm over the same report seeds."""

    def __init__(self, contract_text: str, episodes: int, jobs: int) -> None:
        from world_model_ros.evaluation import report_seeds

        self._text, self._jobs = contract_text, jobs
        self._seeds = report_seeds(episodes)
        self.returns: dict[str, list[float]] = {}

    def run(self, name: str, bundle: Path, reality: str) -> None:
        from world_model_ros.evaluation import Job, run_arms
        from world_model_ros.robots import load_reality

        typer.echo(f'evaluating {name}: {bundle.name} on {reality}', err=True)
        job = Job(self._text, bundle, load_reality(reality))
        results = run_arms(job, ['plan'], self._seeds, self._jobs)['plan']
        self.returns[name] = [result.episode_return for result in results]

    def loss(self) -> float:
        from world_model_ros.evaluation.adaptation import shift_loss

        return shift_loss(self.returns['frozen_nominal'], self.returns['frozen'])

    def is_mild(self) -> bool:
        from world_model_ros.evaluation.adaptation import LEAST_LOSS

        return self.loss() < LEAST_LOSS

    def figures(self) -> dict[str, Any]:
        from world_model_ros.evaluation import paired_interval
        from world_model_ros.evaluation.adaptation import arm_figures, regained

        arms = self.returns
        out = arm_figures(arms)
        out['report_seeds'] = len(self._seeds)
        out['arm_returns'] = {k: [round(v, 3) for v in values] for k, values in arms.items()}
        for name, a, b in (
            ('adapted_minus_frozen', 'adapted', 'frozen'),
            ('adapted_minus_randomised', 'adapted', 'randomised'),
            ('forgotten', 'frozen_nominal', 'adapted_nominal'),
        ):
            if a in arms and b in arms:
                out |= paired_interval(arms[a], arms[b]).entry(name)
        if {'adapted', 'frozen', 'oracle'} <= set(arms):
            share = regained(arms['adapted'], arms['frozen'], arms['oracle'])
            out |= share.entry('regained')
        return out


def _live(
    robot: str,
    reality: str,
    minutes: float,
    from_scratch: bool,
    bundle: str,
    seed: int,
    folder: Path,
    figures: dict[str, Any],
) -> None:
    """Run the demo in real time and add its figures, also those of one that is interrupted."""
    told = folder / 'demo.json'
    line = ['--robot', robot, '--minutes', str(minutes), '--reality', reality]
    line += ['--seed', str(seed)]
    line += ['--directory', str(folder / 'episodes'), '--store', str(folder / 'store')]
    line += ['--from-scratch'] if from_scratch else ['--bundle', bundle]
    typer.echo(f'the robot lives for {minutes:g} minutes on {reality}', err=True)
    try:
        run_demo(line, told, lambda demo: demo.wait(minutes * 60.0 + STARTING_S))
    finally:
        figures |= _lived(read(told))


def _lived(figures: dict[str, Any]) -> dict[str, Any]:
    if not figures:
        return {}
    ticks = figures['ticks']
    figures['late_share'] = figures['late_ticks'] / ticks if ticks else 1.0
    waited = [r['ready'] - r['published'] for r in figures['releases'] if r['ready']]
    if waited:
        figures['published_to_ready_s'] = {
            'releases': len(waited),
            'p50': round(float(np.percentile(waited, 50)), 2),
            'p95': round(float(np.percentile(waited, 95)), 2),
        }
    return figures


def _stock_arm(robot: str, arm: str) -> Path | None:
    """The bundle of an arm that a source checkout holds; None where there is none."""
    path = ARMS / f'{robot}_{arm}'
    return path if path.is_dir() else None


def _last_bundle(folder: Path, interface: str) -> Path | None:
    """Download the newest release of a store that a demo left; None when it published none."""
    from world_model_ros.releases import fetch_release, latest_release
    from world_model_ros.store import open_store

    store = open_store(str(folder / 'store'))
    release = latest_release(store, interface)
    return None if release is None else fetch_release(store, release, folder / 'adapted')


def _show(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        if isinstance(value, float) or name in ('ticks', 'late_ticks'):
            spread = figures.get(f'{name}_interval')
            typer.echo(f'{name:<26} {value:10.3f}   {spread or ""}')
    if figures.get('arms_left_out'):
        typer.echo(f'arms without a bundle, left out: {", ".join(figures["arms_left_out"])}')
