# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A training run in simulation: live, learn, evaluate, checkpoint; resumable at any kill.

Owns the loop and its log; the recipe is the family's, the lives are in collect.py.
"""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from world_model_ros.contract import Contract
from world_model_ros.families.device import ON_CPU, Chosen, as_array
from world_model_ros.families.family_registry import DEFAULT, FamilyError, find_family
from world_model_ros.families.protocol import Batch, FamilyModel, Imitates, Remembers
from world_model_ros.robots import NOMINAL, Reality
from world_model_ros.training.core import checkpoint
from world_model_ros.training.core.begin import family_of, new_algorithm, placed
from world_model_ros.training.core.collect import Lanes, evaluate
from world_model_ros.training.core.learner_file import Shipped
from world_model_ros.training.core.recipe_file import Recipe
from world_model_ros.training.data.replay import Replay
from world_model_ros.training.data.stored_beliefs import StoredBeliefs
from world_model_ros.training.data.windows import as_batch, draw_from, normalise

CURVE_FIELDS = ('frames', 'decisions', 'updates', 'wall_s', 'seed', 'return')
SELECTION_SEED = 10_000


@dataclass(frozen=True)
class RunConfig:
    """Size of a run; frames are control steps of the task (see docs/explanation/evaluation.md)."""

    frames: int
    seed: int = 0
    lanes: int = 8
    decisions_per_update: float = 4.0
    prefill: int = 2_000  # random decisions before the first update
    demonstrations: int = 0  # the first decisions, by the body's scripted controller
    imitate: bool = False  # rewards are hidden: the policy learns from what was done alone
    episode_ticks: int = 125  # training episodes are cut short: more beginnings, more targets
    evaluate_every: int = 10_000  # frames
    evaluate_episodes: int = 10
    checkpoint_every_sec: float = 120.0
    threads: int = 2


class Run:
    """One run folder: replay, checkpoint, curve.csv, TensorBoard events.

    ``realities`` draws the body of each simulated episode, ``scored_in`` is the one of the curve;
    ``start`` gives the first weights, and then the policy acts from the first decision on;
    ``chosen`` is the device; ``recipe`` is where the settings come from, for the checkpoint.
    """

    def __init__(
        self,
        contract: Contract,
        folder: Path,
        config: RunConfig,
        model_config: Any = None,
        learner_config: Any = None,
        realities: Callable[[np.random.Generator], Reality | None] | None = None,
        scored_in: Reality = NOMINAL,
        start: Shipped | None = None,
        family: str | None = None,
        chosen: Chosen = ON_CPU,
        recipe: Recipe | None = None,
    ) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.contract, self.folder, self.config = contract, Path(folder), config
        self.recipe = recipe
        self.folder.mkdir(parents=True, exist_ok=True)
        self.scored_in, self.started = scored_in, start is not None
        found = checkpoint.find(self.folder / 'checkpoint')
        asked = family if start is None else start.family.name
        sizes = start.model if model_config is None and start is not None else model_config
        if found is not None:
            saved = checkpoint.read_state(found)
            self.family = family_of(saved, asked, found)
            if 'model' in saved:  # else of an older version, which kept no sizes
                sizes = self.family.config_from_json(saved['model'])
        else:
            self.family = find_family(asked or DEFAULT) if start is None else start.family
        self.learner = new_algorithm(self.family, contract, sizes, learner_config)
        if config.imitate and not (isinstance(self.learner, Imitates) and self.learner.imitates):
            raise FamilyError(f'family {self.family.name!r} cannot imitate: it needs rewards')
        self.chosen = placed(self.learner, chosen)
        decisions = config.frames // contract.frames_per_tick
        self.total_decisions = max(decisions, config.prefill)
        capacity = -(-self.total_decisions // config.lanes) + 1
        self.rng = np.random.default_rng(config.seed)
        self.wall_s, self.evaluated_at = 0.0, 0
        self.spent = {'live': 0.0, 'sample': 0.0, 'update': 0.0}  # s, of this process
        self.scored: float | None = None
        replay = self.folder / 'replay'
        self.replay = Replay(replay, contract, config.lanes, capacity)
        self.beliefs: StoredBeliefs | None = None
        if isinstance(self.learner, Remembers) and self.learner.remembers:
            self.beliefs = StoredBeliefs(self.replay, self.learner.model.belief_dim)
        if found is not None:
            state = checkpoint.load(found, self.learner)
            self.wall_s, self.evaluated_at = state['wall_s'], state['evaluated_at']
        elif start is not None:
            self.learner.load_state_dict(start.tensors)
        seed = config.seed + 1000 * self.replay.written  # a resumed run meets new episodes
        self.lanes = Lanes(contract, config.lanes, seed, config.episode_ticks, realities)
        if config.demonstrations:
            self.lanes.envs[0].robot.demonstrate()  # refused here, before anything is simulated
        self.leaving = False  # asked to stop: what was learned is saved, and go() returns

    @property
    def model(self) -> FamilyModel:
        """Return the model that learns and explores."""
        return self.learner.model

    @property
    def decisions(self) -> int:
        """Return the ticks simulated so far, all lanes together."""
        return self.replay.written * self.config.lanes

    @property
    def frames(self) -> int:
        """Return the control steps simulated so far."""
        return self.decisions * self.contract.frames_per_tick

    @property
    def least_frames(self) -> int:
        """Control steps that fill one window of each lane: with fewer nothing can be learned."""
        decisions = self.config.lanes * (self.learner.window_ticks + 1)
        return decisions * self.contract.frames_per_tick

    def go(self, on_progress: Callable[[dict[str, float | None]], None] | None = None) -> None:
        """Train until the frames are simulated; ``on_progress`` gets the newest figures."""
        meta = {
            'run': asdict(self.config),
            'family': self.family.name,
            'device': self.chosen.text,
            'learner': self.learner.settings(),
            'model': self.family.config_to_json(self.model.config),
            'scored_in': asdict(self.scored_in),
        }
        (self.folder / 'config.json').write_text(json.dumps(meta, indent=1))
        writer = SummaryWriter(str(self.folder / 'tensorboard'))
        started = time.monotonic() - self.wall_s
        saved = time.monotonic()
        spent = dict.fromkeys(self.spent, 0.0)
        figures: dict[str, float] = {}
        c = self.config
        while self.decisions < self.total_decisions and not self.leaving:
            clock = time.monotonic()
            self.live()
            spent['live'] += time.monotonic() - clock
            if self.decisions < c.prefill:
                continue
            if self.unlearned:
                normalise(self.learner, self.contract, self.replay)
            due = (self.decisions - c.prefill) / c.decisions_per_update
            while self.learner.updates < due and not self.leaving:
                clock = time.monotonic()
                batch = self.batch()
                spent['sample'] += time.monotonic() - clock
                clock = time.monotonic()
                figures = self.update(batch)
                spent['update'] += time.monotonic() - clock
                if self.learner.updates % 100 == 0:
                    total = sum(spent.values())
                    self.spent = {k: v + spent[k] for k, v in self.spent.items()}
                    figures |= {f'share/{k}': v / total for k, v in spent.items()}
                    figures['updates_per_sec'] = 1.0 / max(1e-9, spent['update'] / 100)
                    spent = dict.fromkeys(spent, 0.0)
                    for key, value in figures.items():
                        writer.add_scalar(key, value, self.frames)
            self.wall_s = time.monotonic() - started
            if self.frames - self.evaluated_at >= c.evaluate_every:
                self.evaluate(c.evaluate_episodes)
                writer.add_scalar('return', self.scored, self.frames)
            if on_progress is not None:
                on_progress({'frames': self.frames, 'return': self.scored, **figures})
            if time.monotonic() - saved > c.checkpoint_every_sec:
                self.save()
                saved = time.monotonic()
        self.wall_s = time.monotonic() - started
        self.save()
        writer.close()

    @property
    def unlearned(self) -> bool:
        """Return whether the weights are those of the beginning, and nobody's."""
        return not self.started and self.learner.updates == 0

    def live(self) -> None:
        """Put the current ticks into replay, and live one period in every lane."""
        self.replay.add(self.lanes.ticks())
        if self.decisions <= self.config.demonstrations:
            self.lanes.act(None, demonstrate=True)
            return
        fresh = self.unlearned and self.decisions <= self.config.prefill
        self.lanes.act(None if fresh else self.model)
        if self.beliefs is not None and self.lanes.belief is not None:
            self.beliefs.add(as_array(self.lanes.belief), self.learner.updates)

    def batch(self) -> Batch:
        """Return windows of replay for one update, with their contexts where beliefs are kept."""
        learner = self.learner
        size, ticks = learner.batch_size, learner.window_ticks
        if self.beliefs is not None:
            batch = as_batch([self.beliefs.sample(self.rng, size, ticks, learner.updates)])
        else:
            batch = draw_from(self.replay, self.rng)(size, ticks)
        if self.config.imitate:
            batch['reward'] = torch.full_like(batch['reward'], math.nan)
        return batch

    def update(self, batch: Batch) -> dict[str, float]:
        """Learn from the windows of the last ``batch``; what they were filtered to is stored."""
        figures = self.learner.update(batch)
        if self.beliefs is not None and isinstance(self.learner, Remembers):
            beliefs, use = self.learner.recent_beliefs()
            self.beliefs.refresh(as_array(beliefs), as_array(use), self.learner.updates)
            figures |= self.beliefs.figures()
        return figures

    def evaluate(self, episodes: int) -> None:
        """Score the policy on selection seeds and append one row per episode to curve.csv."""
        seeds = [SELECTION_SEED + i for i in range(episodes)]
        returns = evaluate(self.learner.average, self.contract, seeds, self.scored_in)
        self.scored = float(np.mean(returns))
        self.evaluated_at = self.frames
        path = self.folder / 'curve.csv'
        new = not path.exists()
        with path.open('a', newline='') as file:
            rows = csv.writer(file)
            if new:
                rows.writerow(CURVE_FIELDS)
            for seed, value in zip(seeds, returns, strict=True):
                row = (self.frames, self.decisions, self.learner.updates)
                rows.writerow((*row, round(self.wall_s, 1), seed, round(value, 3)))

    def summary(self) -> dict[str, object]:
        """Return what the run cost and where the time of this process went."""
        total = sum(self.spent.values())
        return {
            'robot': self.contract.name,
            'seed': self.config.seed,
            'device': str(self.chosen.device),
            'frames': self.frames,
            'decisions': self.decisions,
            'updates': self.learner.updates,
            'replay_ratio': self.replay_ratio,
            'wall_s': round(self.wall_s, 1),
            'share': {k: round(v / total, 3) for k, v in self.spent.items()} if total else None,
            'return': self.scored,
        }

    @property
    def replay_ratio(self) -> float:
        """Return the replayed steps per decision."""
        steps = self.learner.batch_size * self.learner.window_ticks
        return steps / self.config.decisions_per_update

    def save(self) -> None:
        """Write replay, then the checkpoint that counts on it."""
        self.replay.save()
        state = {
            'wall_s': self.wall_s,
            'evaluated_at': self.evaluated_at,
            'frames': self.frames,
            'model': self.family.config_to_json(self.model.config),
            **({} if self.recipe is None else {'recipe': self.recipe.as_json()}),
        }
        checkpoint.save(self.folder / 'checkpoint', self.learner, state)
