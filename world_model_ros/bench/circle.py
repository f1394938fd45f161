# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench circle`: does a robot that changed get better by itself, and than what?

Runs `world-model demo` on a shifted robot in real time and evaluates the last release, by the
protocol of docs/explanation/evaluation.md, against the frozen bundle and the other arms.
Evaluation is in lockstep after the run, so it takes nothing from the robot.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bench.child_demo import read, run_demo
from world_model_ros.bench.circle_curve import curve_rows, write_curve

ARMS = Path(__file__).parents[2] / 'benchmarks' / 'bundles'  # of a source checkout
STARTING_S = 180.0  # beyond the minutes asked for: starting, sealing, saving


@contextlib.contextmanager
def written(figures: dict[str, Any], arms: Arms, curve: Path | None, seed: int) -> Iterator[None]:
    """Put what the arms returned until then into the figures and the curve, whatever ends it."""
    try:
        yield
    finally:
        figures |= arms.figures()
        left = ('adapted', 'randomised', 'oracle')
        figures['arms_left_out'] = [name for name in left if name not in arms.returns]
        if curve is not None and 'returns' in figures:
            means = {name: sum(values) / len(values) for name, values in arms.returns.items()}
            write_curve(curve, curve_rows(figures['returns'], seed), means)


class MildShift(ValueError):
    """The change costs the frozen bundle too little to carry a claim."""


@dataclass(frozen=True)
class Setup:
    """What runs: the options of the demo, and what is evaluated beside its last release."""

    robot: str
    reality: str
    minutes: float
    seed: int
    bundle: str  # what the demo starts from; '': the shipped one
    from_scratch: bool
    frozen: Path | None  # the same, as a folder; None: from scratch
    others: Mapping[str, Path]  # arm -> bundle
    say: Callable[[str], object]  # progress


def run(setup: Setup, interface: str, arms: Arms, folder: Path, figures: dict[str, Any]) -> None:
    """Run the robot and evaluate all arms; figures are added as they come.

    `interface` is the hash of the contract's; store, episodes and logs go to `folder`.

    Raises:
        MildShift: before the robot runs.
    """
    if setup.frozen is not None:
        arms.run('frozen_nominal', setup.frozen, 'nominal')
        arms.run('frozen', setup.frozen, setup.reality)
        figures['shift_loss'] = round(arms.loss(), 4)
        if arms.is_mild():
            raise MildShift(
                f'{setup.reality} costs the frozen bundle {arms.loss():.0%}: a mild shift carries '
                'no claim (docs/explanation/evaluation.md)'
            )
    folder.mkdir(parents=True, exist_ok=True)
    _demo(setup, folder, figures)
    adapted = _last_bundle(folder, interface)
    if adapted is not None:
        arms.run('adapted', adapted, setup.reality)
        if setup.reality != 'nominal':
            arms.run('adapted_nominal', adapted, 'nominal')
    for name, other in setup.others.items():
        arms.run(name, other, setup.reality)


class Arms:
    """Returns per arm over the same report seeds."""

    def __init__(
        self, contract_text: str, episodes: int, jobs: int, say: Callable[[str], object]
    ) -> None:
        from world_model_ros.evaluation import report_seeds

        self._text, self._jobs, self._say = contract_text, jobs, say
        self._seeds = report_seeds(episodes)
        self.returns: dict[str, list[float]] = {}

    def run(self, name: str, bundle: Path, reality: str) -> None:
        """Evaluate a bundle on a reality."""
        from world_model_ros.evaluation import Job, run_arms
        from world_model_ros.robots import load_reality

        self._say(f'evaluating {name}: {bundle.name} on {reality}')
        job = Job(self._text, bundle, load_reality(reality))
        results = run_arms(job, ['plan'], self._seeds, self._jobs)['plan']
        self.returns[name] = [result.episode_return for result in results]

    def loss(self) -> float:
        """Share of its return that the frozen bundle loses to the change."""
        from world_model_ros.evaluation.adaptation import shift_loss

        return shift_loss(self.returns['frozen_nominal'], self.returns['frozen'])

    def is_mild(self) -> bool:
        """Whether that is too little for a claim."""
        from world_model_ros.evaluation.adaptation import LEAST_LOSS

        return self.loss() < LEAST_LOSS

    def figures(self) -> dict[str, Any]:
        """Means, intervals and comparisons of the arms that there are."""
        from world_model_ros.evaluation import paired_interval, seed_list
        from world_model_ros.evaluation.adaptation import arm_figures, regained

        arms = self.returns
        out = arm_figures(arms)
        out['report_seeds'] = len(self._seeds)
        out['eval_seeds'] = [self._seeds[0], self._seeds[-1]]
        out['seed_list'] = seed_list(self._seeds)
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


def _demo(setup: Setup, folder: Path, figures: dict[str, Any]) -> None:
    """Run the demo in real time and add its figures, also those of one that is interrupted."""
    demo_figures = folder / 'demo.json'
    line = ['--robot', setup.robot, '--minutes', str(setup.minutes), '--reality', setup.reality]
    line += ['--seed', str(setup.seed)]
    line += ['--directory', str(folder / 'episodes'), '--store', str(folder / 'store')]
    line += ['--from-scratch'] if setup.from_scratch else ['--bundle', setup.bundle]
    setup.say(f'the robot runs for {setup.minutes:g} minutes on {setup.reality}')
    try:
        run_demo(line, demo_figures, lambda demo: demo.wait(setup.minutes * 60.0 + STARTING_S))
    finally:
        figures |= _of_demo(read(demo_figures))


def _of_demo(figures: dict[str, Any]) -> dict[str, Any]:
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


def stock_arm(robot: str, arm: str) -> Path | None:
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
