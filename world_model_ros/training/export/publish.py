# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a candidate to a release: judge, draw, export, publish.

Owns the files of one publication: gate.jsonl and strips/ beside the checkpoint, and the bundle.
The order survives a kill at any point: a release that was published but not noted is published
again to the same content hash, or judged against the one before. Must not import ROS or a
simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.families.protocol import Imitates
from world_model_ros.releases import Release, publish_release
from world_model_ros.store import Store
from world_model_ros.training.core.checkpoint import NOT_WRITTEN
from world_model_ros.training.core.learner_file import SUFFIX
from world_model_ros.training.core.trainer_state import TrainerState
from world_model_ros.training.data.ingest import Ingest
from world_model_ros.training.data.segments import Rows
from world_model_ros.training.export.export_bundle import export_bundle
from world_model_ros.training.export.onnx_cache import Traced
from world_model_ros.training.judge.gate import GateConfig, Verdict, append_verdict, judge
from world_model_ros.training.judge.open_loop import SURPRISE_TICKS
from world_model_ros.training.judge.release_film import draw_film
from world_model_ros.training.judge.strips import draw_strip

# Figures of the gate that a bundle carries: who shows the robot has no store.
IN_BUNDLE = ('ratio_', 'horizon_', 'better_')


class Publisher:
    """Publishes what a trainer has learned."""

    def __init__(
        self,
        state: TrainerState,
        ingest: Ingest,
        config: GateConfig,
        say: Callable[..., None],
        bundle: Path | None = None,
        nominal: bool = False,
    ) -> None:
        """Take over nothing; ``nominal``: simulated ticks with rewards are learned from, too."""
        self.state, self.ingest, self.config, self.say = state, ingest, config, say
        self.nominal = nominal
        self.pending: Verdict | None = None  # exported and not yet in the store
        self.strip: Path | None = None  # drawn for it
        self.film: Path | None = None
        self.traced = Traced()
        self.bundle = bundle or state.folder / 'bundle'  # where bundles are exported

    @property
    def rewarded(self) -> bool:
        """Return whether anything that was learned from says what is good."""
        replay = self.ingest.replay
        held = replay.arrays['reward'][:, : min(replay.written, replay.capacity)]
        return self.nominal or bool(np.isfinite(held).any())

    def judge(self) -> Verdict:
        """Judge the averaged weights on the newest held-out episodes; drawn, noted and said."""
        state, learner = self.state, self.state.learner
        held_out = self.ingest.held_out(self.config.episodes)
        model, name = state.acting()
        verdict = judge(
            learner.average,
            model,
            state.contract,
            held_out,
            learner.discount,
            float(learner.return_scale.clamp(min=1.0)),
            learner.updates,
            self.config,
            name[:12],
        )
        append_verdict(state.folder / 'gate.jsonl', verdict)
        self._draw(held_out)
        state.counters['refused'] += not verdict.passed
        self.say('gate', passed=verdict.passed, text=verdict.line())
        return verdict

    def _draw(self, held_out: list[Rows]) -> None:
        """Draw what the candidate imagines of the newest held-out episode."""
        state, learner = self.state, self.state.learner
        self.strip = self.film = None
        if not held_out:
            return
        title = f'{state.contract.name} after {learner.updates} updates'
        target = state.folder / 'strips' / f'{learner.updates:08d}.png'
        if draw_strip(learner.average, state.contract, held_out[-1], target, title):
            self.strip = target
        target = target.with_suffix('.webp')
        if draw_film(learner.average, state.contract, held_out[-1], target):
            self.film = target

    def export(self, verdict: Verdict) -> None:
        """Write the bundle beside the checkpoint."""
        learned = self.ingest.ledger.of('ingested')
        provenance: dict[str, Any] = {
            'robot_ticks': self.ingest.ticks,
            'episodes': len(learned),
            'gate': {k: v for k, v in verdict.figures.items() if k.startswith(IN_BUNDLE)},
            'gate_against': verdict.against,
        }
        limit = verdict.figures.get('surprise_limit') or 0.0
        surprise = {'ticks': SURPRISE_TICKS, 'limit': limit} if limit > 0.0 else None
        planner = self.state.planner
        learner = self.state.learner
        if isinstance(learner, Imitates) and learner.imitates and not self.rewarded:
            # Plans are scored by rewards, and none was ever seen: the policy acts alone.
            planner = replace(planner, iteration_count=0)
            provenance['policy'] = 'imitation'
        export_bundle(learner, self.bundle, provenance, planner, self.traced, surprise)
        self.pending = verdict

    def publish(self, store: Store, interface: str) -> Release:
        """Put the exported bundle into the store.

        Raises:
            StoreError: the store cannot be used; call it again.
        """
        verdict = self.pending
        assert verdict is not None, 'nothing is exported'
        learned = self.ingest.ledger.of('ingested')
        release = publish_release(
            store,
            self.bundle,
            interface,
            episodes=[entry.uuid for entry in learned],
            episode_count=len(learned),
            updates=verdict.updates,
            gate={
                'passed': verdict.passed,
                'against': verdict.against,
                'imagined': verdict.imagined,
                **verdict.figures,
            },
        )
        if self.strip is not None:
            store.put_file(store.layout.strip_key(interface, release.number), self.strip)
        if self.film is not None:
            store.put_file(store.layout.film_key(interface, release.number), self.film)
        self.pending = None
        self.state.counters['published'] += 1
        self.say(
            'published',
            number=release.number,
            bundle_sha=release.bundle_sha[:12],
            episodes=len(learned),
            updates=verdict.updates,
            bundle=str(self.bundle),
        )
        return release

    def remember(self, release: Release) -> None:
        """Compare what comes with these weights from now on; without room for them, as before."""
        weights = self.bundle.with_name(self.bundle.name + SUFFIX)
        try:
            self.state.acts_now(weights, release.bundle_sha)
        except NOT_WRITTEN as error:
            self.say('not_saved', reason=str(error))
