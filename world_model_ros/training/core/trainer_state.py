# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a trainer service is between two updates, on disk and back: learner, planner, what acts.

Owns where learning starts, the checkpoint, the way back to the last good one, and the weights of
the release that acts. Must not import ROS, a simulator or the store.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError

from world_model_ros.contract import Contract, interface_hash
from world_model_ros.durable import write_atomic
from world_model_ros.families.device import ON_CPU, Chosen, device_of
from world_model_ros.families.family_registry import DEFAULT, find_family
from world_model_ros.families.protocol import Algorithm, Aligns, Anchors, FamilyModel
from world_model_ros.planning.mppi import PlannerConfig
from world_model_ros.training.core import checkpoint
from world_model_ros.training.core.begin import family_of, new_algorithm, placed
from world_model_ros.training.core.learner_file import (
    LearnerFileError,
    Shipped,
    find_shipped,
    read_shipped,
    write_shipped,
)
from world_model_ros.training.data.replay import Replay
from world_model_ros.training.data.windows import normalise
from world_model_ros.training.judge.gate import not_finite

SHOWN = 200  # characters of what is wrong with a checkpoint
ACTING = 'acting.learner.safetensors'
ORIGIN = 'origin.learner.safetensors'  # every alignment begins with it
TEACHER = 'teacher.learner.safetensors'
# What a checkpoint raises whose files are not what this version writes.
_UNUSABLE = (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError)


@dataclass(frozen=True)
class Start:
    """Where learning starts, unless a checkpoint says to go on."""

    origin: Literal['shipped', 'file', 'scratch'] = 'shipped'
    file: Path | None = None


class TrainerState:
    """Learner, planner settings and the acting release's weights of one run folder.

    Raises:
        LearnerFileError: the file to start from cannot serve this contract.
        DeviceError: the family cannot learn on the device.
        ValueError: the folder is of another interface or version, or damaged.
    """

    def __init__(
        self,
        contract: Contract,
        folder: Path,
        start: Start,
        say: Callable[..., None],
        sizes: Any = None,
        recipe: Any = None,
        policy_margin: float | None = None,
        family: str | None = None,
        chosen: Chosen = ON_CPU,
    ) -> None:
        self.contract, self.folder, self.say = contract, folder, say
        self.recipe, self.policy_margin = recipe, policy_margin
        self.chosen = chosen
        self.normalised = self.unaligned = self.align_again = self.anchored = False
        self.aligned_at = 0  # ticks of the robot that were written by then
        self.counters = {'bad_updates': 0, 'rollbacks': 0, 'published': 0, 'refused': 0}
        self.bad_in_row = 0
        self.acting_name = ''
        found = checkpoint.find(folder / 'checkpoint')
        if found is None:
            shipped = self._choose(start, family)
            self.family = find_family(family or DEFAULT) if shipped is None else shipped.family
            self.learner = self._build(sizes if shipped is None else shipped.model)
            planner = PlannerConfig(gamma=self.learner.discount)
            if shipped is not None:
                self.learner.load_state_dict(shipped.tensors)
                self.normalised = True
                aligns = self.family if isinstance(self.family, Aligns) else None
                self.unaligned = aligns is not None and aligns.aligns(self.learner.model)
                if self.unaligned:
                    write_shipped(folder / ORIGIN, self.learner)
                planner = shipped.planner or planner
                # It is what acts, as far as anybody knows, and the bar for what comes.
                write_shipped(folder / ACTING, self.learner)
                self.acting_name = 'the weights it started from'
            self.planner = self._asked_for(planner)
            self.save()
        else:
            self._resume(found, family)

    def _choose(self, start: Start, family: str | None) -> Shipped | None:
        """Return the weights to start from; of a ``family`` if one is asked for."""
        path = start.file
        if start.origin == 'shipped':
            path, reason = find_shipped(self.contract)
            if path is None:
                self.say('start', origin='scratch', reason=reason)
                return None
        elif start.origin == 'scratch' or path is None:
            self.say('start', origin='scratch', reason='asked for')
            return None
        shipped = read_shipped(path, self.contract)
        theirs = shipped.family.name
        if family is not None and family != theirs:
            reason = f'{path}: weights of family {theirs!r}, asked for {family!r}'
            if start.origin == 'file':
                raise LearnerFileError(f'{reason}; leave --family out, or --from-scratch')
            self.say('start', origin='scratch', reason=reason)
            return None
        self.say('start', origin=str(path), reason='optimisers warm up again')
        return shipped

    def _asked_for(self, planner: PlannerConfig) -> PlannerConfig:
        if not planner.iteration_count:  # of a bundle that imitates: rewards may come now
            planner = replace(planner, iteration_count=PlannerConfig.iteration_count)
        if self.policy_margin is None:
            return planner
        return replace(planner, policy_margin=self.policy_margin)

    def _build(self, sizes: Any) -> Algorithm:
        algorithm = new_algorithm(self.family, self.contract, sizes, self.recipe)
        self.chosen = placed(algorithm, self.chosen)
        return algorithm

    def _resume(self, found: Path, family: str | None) -> None:
        state = checkpoint.read_state(found)
        ours = interface_hash(self.contract)
        if state.get('interface_hash') != ours:
            raise ValueError(
                f'{found}: a checkpoint of interface {str(state.get("interface_hash"))[:12]}, the '
                f'contract has {ours[:12]}; give another --out'
            )
        self.family = family_of(state, family, found)
        try:
            self.learner = self._build(self.family.config_from_json(state['model']))
            self._load(found)
        except _UNUSABLE as error:
            text = ' '.join(f'{type(error).__name__}: {error}'.split())
            raise ValueError(
                f'{found}: cannot be gone on from ({text[:SHOWN]}); use the version that wrote '
                'it, or give another --out'
            ) from error
        self.say('resumed', updates=self.learner.updates)

    def _load(self, found: Path, teacher: FamilyModel | None = None) -> None:
        # Before the optimisers are restored: theirs are the parameters that still learn.
        anchored = checkpoint.read_state(found).get('anchored', False)
        if anchored and isinstance(self.learner, Anchors):
            if teacher is None:
                teacher = read_shipped(self.folder / TEACHER, self.contract).build(self.contract)
                teacher.to(device_of(self.learner.model))
            self.learner.anchor(teacher)
        state = checkpoint.load(found, self.learner)
        self.normalised = bool(state['normalised'])
        # Checkpoints from before weights were aligned so have neither.
        self.unaligned = bool(state.get('unaligned', False))
        self.anchored = bool(state.get('anchored', False))
        self.align_again = bool(state.get('align_again', False))
        self.aligned_at = int(state.get('aligned_at', 0))
        self.planner = self._asked_for(PlannerConfig(**state['planner']))
        self.counters = self.counters | state['counters']
        self.acting_name = state['acting']

    def save(self) -> bool:
        """Write a checkpoint; weights that are not finite are not one, and go back instead."""
        if not_finite(self.learner.model) or not_finite(self.learner.average):
            self.go_back('weights are not finite')
            return False
        state: dict[str, Any] = {
            'interface_hash': interface_hash(self.contract),
            'model': self.family.config_to_json(self.learner.model.config),
            'planner': self.planner.as_dict(),
            'normalised': self.normalised,
            'unaligned': self.unaligned,
            'align_again': self.align_again,
            'aligned_at': self.aligned_at,
            'anchored': self.anchored,
            'counters': self.counters,
            'acting': self.acting_name,
        }
        checkpoint.save(self.folder / 'checkpoint', self.learner, state)
        return True

    def bad_update(self, names: list[str], limit: int) -> None:
        """Count an update whose figures were not finite; go back after ``limit`` in a row."""
        self.counters['bad_updates'] += 1
        self.bad_in_row += 1
        if self.bad_in_row == 1:
            self.say('bad_update', reason=f'not finite: {", ".join(names[:3])}')
        if self.bad_in_row >= limit:
            self.go_back(f'{self.bad_in_row} updates in a row were not finite')

    def go_back(self, reason: str) -> None:
        """Return to the last good checkpoint."""
        found = checkpoint.find(self.folder / 'checkpoint')
        assert found is not None, 'a checkpoint is written before the first update'
        counters, acting, lost = self.counters, self.acting_name, self.learner.updates
        # Fresh optimisers: theirs may be what broke.
        teacher = self.learner.teacher if isinstance(self.learner, Anchors) else None
        self.learner = self._build(self.learner.model.config)
        self._load(found, teacher)
        self.counters, self.acting_name = counters, acting
        self.counters['rollbacks'] += 1
        self.bad_in_row = 0
        self.say('rollback', reason=reason, updates=self.learner.updates, was=lost)

    def normalise(self, replay: Replay) -> None:
        """Take scales of the inputs from the first robot data, once and for all."""
        normalise(self.learner, self.contract, replay)
        self.normalised = True

    def origin(self) -> FamilyModel | None:
        """Return the weights that learning started from, free to be aligned; None: they are lost.

        Before the first alignment nothing was learned, and the learner has them itself.
        """
        model = self._read(ORIGIN)
        if model is not None:
            return model.requires_grad_(True)
        return copy.deepcopy(self.learner.model) if self.unaligned else None

    def _read(self, name: str) -> FamilyModel | None:
        """Return a model of this folder; None where there is none that can be read."""
        path = self.folder / name
        if not path.exists():
            return None
        try:
            model = read_shipped(path, self.contract).build(self.contract)
        except LearnerFileError as error:
            self.say('learner_file_unreadable', reason=str(error))
            return None
        model.to(device_of(self.learner.model))
        return model

    def aligned(self, model: FamilyModel, understood: bool, ticks: int) -> None:
        """Go on from aligned weights; where they understand pictures, hold on to what they do.

        ``ticks`` of the robot were written by now. What was learned of rewards and values since a
        first alignment stays: latents mean the same. Saved by ``save``.

        Raises:
            OSError: no room for the teacher; call it again.
        """
        assert isinstance(self.family, Aligns)
        again = not self.unaligned
        if understood or not again:
            self.family.adopt(self.learner, model, again)
        if understood and isinstance(self.learner, Anchors):
            write_shipped(self.folder / TEACHER, self.learner)
            teacher = copy.deepcopy(self.learner.model).requires_grad_(False)
            self.learner.anchor(teacher.eval())
        self.anchored = self.anchored or understood
        self.unaligned, self.align_again = False, understood and not again
        self.aligned_at = ticks

    def acting(self) -> tuple[FamilyModel | None, str]:
        """Return the acting release's model and its name; None before the first release."""
        model = self._read(ACTING)
        return model, '' if model is None else self.acting_name

    def acts_now(self, weights: Path, name: str) -> None:
        """Remember what was just published, by the learner file beside its bundle."""
        write_atomic(self.folder / ACTING, weights.read_bytes())
        self.acting_name = name
        self.save()
