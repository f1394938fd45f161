# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What surrounds a training run in simulation: its begin, its expected duration, its bundle."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from world_model_ros.contract import Contract
from world_model_ros.families.device import ON_CPU, Chosen
from world_model_ros.families.family_registry import DEFAULT, find_family
from world_model_ros.planning.mppi import PlannerConfig
from world_model_ros.robots import Reality, load_ranges, load_reality, sample_reality
from world_model_ros.training.core import checkpoint
from world_model_ros.training.core.learner_file import LearnerFileError, Shipped, read_shipped
from world_model_ros.training.core.recipe_file import Recipe, RecipeError, recipe_of_state
from world_model_ros.training.core.run import Run, RunConfig
from world_model_ros.training.export.export_bundle import export_bundle

if TYPE_CHECKING:
    import numpy as np

PREFILL, PREFILL_FROM = 2_000, 500  # decisions before the first update; with weights: the policy's


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a run begins and in which robots it is simulated."""

    body: Reality  # evaluated in this one; simulated in it too without `ranges`
    ranges: dict[str, tuple[float, float]] | None = None  # draw a reality at each reset
    ranges_file: Path | None = None
    start: Shipped | None = None  # weights to go on from
    learner_file: Path | None = None

    @classmethod
    def find(
        cls, contract: Contract, reality: str, randomize: Path | None, from_file: Path | None
    ) -> Source:
        """Read what was named.

        Raises:
            RealityError: there is no such reality or ranges file, or it is wrong.
            LearnerFileError: the weights do not fit this robot.
        """
        return cls(
            load_reality(reality),
            None if randomize is None else load_ranges(randomize),
            randomize,
            None if from_file is None else read_shipped(from_file, contract),
            from_file,
        )

    def draw(self, rng: np.random.Generator) -> Reality:
        """The reality of one episode."""
        return self.body if self.ranges is None else sample_reality(rng, self.ranges)

    @property
    def name(self) -> str:
        """Of the reality, for records."""
        return self.body.name if self.ranges is None else f'drawn from {self.ranges_file}'


def open_run(
    contract: Contract,
    folder: Path,
    source: Source,
    *,
    frames: int,
    seed: int,
    threads: int,
    decisions_per_update: float,
    demonstrations: int = 0,
    imitate: bool = False,
    family: str | None = None,
    chosen: Chosen = ON_CPU,
    recipe: Recipe | None = None,
) -> Run:
    """Make a run, or go on with the one that lies in `folder`.

    `frames` are control steps of the task, decisions are ticks. The first `demonstrations` of them
    are the body's scripted controller's; to `imitate`, the policy learns from what was done alone.
    A run that is gone on with keeps its recipe.

    Raises:
        BodyError: the robot has no simulated body, or one that cannot demonstrate.
        FamilyError: the family is not there, does not serve this robot, or is another one than
            that of the run gone on from.
        LearnerFileError: the weights gone on from are of another family, or do not fit the recipe.
        RecipeError: the run in the folder has another recipe, or this version does not know it.
        DeviceError: the family cannot learn on the device.
    """
    if source.start is not None and family not in (None, source.start.family.name):
        raise LearnerFileError(
            f'{source.learner_file}: weights of family {source.start.family.name!r}, asked for '
            f'{family!r}; leave --family or --from out'
        )
    recipe = _recipe_of(folder, recipe)
    if recipe is not None:
        if family not in (None, recipe.family):
            raise RecipeError(
                f'{recipe.name}: for family {recipe.family!r}, asked for {family!r}; leave '
                '--family out'
            )
        family = recipe.family
    kind = find_family(family or DEFAULT) if source.start is None else source.start.family
    if recipe is not None and kind.name != recipe.family:
        raise RecipeError(
            f'{recipe.name}: for family {recipe.family!r}, but {source.learner_file} is of '
            f'{kind.name!r}'
        )
    prefill = PREFILL if source.start is None else PREFILL_FROM
    config = RunConfig(
        frames=frames,
        seed=seed,
        threads=threads,
        decisions_per_update=decisions_per_update,
        prefill=min(prefill, frames // contract.frames_per_tick),
        demonstrations=demonstrations,
        imitate=imitate,
    )
    given = None if source.start is None else source.start.model
    try:
        return Run(
            contract,
            folder,
            config,
            None if recipe is None else recipe.sizes(kind, given),
            None if recipe is None else recipe.recipe(kind),
            realities=source.draw,
            scored_in=source.body,
            start=source.start,
            family=family,
            chosen=chosen,
            recipe=recipe,
        )
    except (RuntimeError, KeyError) as error:
        if recipe is None or source.start is None:
            raise
        raise LearnerFileError(
            f'{source.learner_file}: these weights do not fit {recipe.name}: '
            f'{" ".join(str(error).split())[:200]}'
        ) from error


def _recipe_of(folder: Path, asked: Recipe | None) -> Recipe | None:
    """Return the recipe of the run in a folder, or the one asked for where there is no run.

    Raises:
        RecipeError: another one was asked for than the run has.
    """
    found = checkpoint.find(folder / 'checkpoint')
    if found is None:
        return asked
    held = recipe_of_state(checkpoint.read_state(found), found)
    if asked is not None and (held is None or held.as_json() != asked.as_json()):
        raise RecipeError(
            f'{found}: this run has {"its own" if held is None else "another"} recipe; leave '
            '--recipe out to go on with it, or give another --out'
        )
    return held


def expected(run: Run) -> dict[str, Any]:
    """Measure some decisions and updates; return what is left to do and how many hours it takes.

    Nothing is learned: the updates are of a copy.
    """
    config = run.config
    todo = run.total_decisions - run.decisions
    updates = todo / config.decisions_per_update
    while run.decisions < max(256, run.learner.window_ticks * config.lanes + config.lanes):
        run.live()
    clock = time.monotonic()
    for _ in range(20):
        run.lanes.act(run.model)
    live = (time.monotonic() - clock) / 20 / config.lanes
    run.lanes.begin_again()  # those ticks are not in the replay
    trial = copy.deepcopy(run.learner)
    trial.update(run.batch())
    clock = time.monotonic()
    for _ in range(5):
        trial.update(run.batch())
    update = (time.monotonic() - clock) / 5
    return {
        'decisions': todo,
        'updates': int(updates),
        'decision_ms': round(live * 1e3, 2),
        'update_ms': round(update * 1e3, 1),
        'device': str(run.chosen.device),
        'hours': round((todo * live + updates * update) / 3600, 2),
        'parameters': sum(p.numel() for p in run.model.parameters()),
    }


@contextlib.contextmanager
def leaves_in_order(run: Run) -> Iterator[None]:
    """The first SIGINT or SIGTERM asks for the end with all that was learned; the second is it."""

    def ask(number: int, _frame: FrameType | None) -> None:
        run.leaving = True
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def export(run: Run, bundle: Path, source: Source, policy_margin: float | None) -> None:
    """Write what was learned as a bundle, with where it comes from."""
    provenance: dict[str, Any] = {
        'frames': run.frames,
        'decisions': run.decisions,
        'replay_ratio': run.replay_ratio,
        'seed': run.config.seed,
        'reality': source.name,
        'from': None if source.learner_file is None else str(source.learner_file),
    }
    if run.config.demonstrations:
        provenance['demonstrations'] = run.config.demonstrations
    planner = None if source.start is None else source.start.planner
    planner = planner or PlannerConfig(gamma=run.learner.discount)
    if policy_margin is not None:
        planner = dataclasses.replace(planner, policy_margin=policy_margin)
    if run.config.imitate:  # plans are scored by rewards, and none was seen: the policy acts alone
        planner = dataclasses.replace(planner, iteration_count=0)
        provenance['policy'] = 'imitation'
    export_bundle(run.learner, bundle, provenance, planner)
