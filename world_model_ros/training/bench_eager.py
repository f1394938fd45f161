# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The planner of a bundle in eager torch, to compare the exported one with.

Same weights, candidates, horizon and iterations; noise from torch's own generator, which is
faster than the counter-based one, so the comparison favours eager.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from world_model_ros.contract import Contract, parse_contract
from world_model_ros.families.device import as_array
from world_model_ros.families.family_registry import DEFAULT, find_family
from world_model_ros.families.protocol import FamilyModel
from world_model_ros.planning.mppi import PlanIteration, PlannerConfig
from world_model_ros.training.core.learner_file import SUFFIX, read_shipped

Eager = Callable[[np.ndarray, np.ndarray], np.ndarray]


def load_model(folder: Path) -> tuple[FamilyModel, Contract, dict]:
    """Return the torch model, contract and manifest that a bundle was exported from.

    Without the learner artifact beside the bundle the weights are untrained: the planner does the
    same work with any weights, and only its time is wanted here.

    Raises:
        ValueError: this version has no such model.
    """
    manifest = json.loads((folder / 'manifest.json').read_text())
    contract = parse_contract(manifest['contract'])
    beside = folder.with_name(folder.name + SUFFIX)
    if beside.is_file():
        model = read_shipped(beside, contract).build(contract)
    else:
        family = find_family(manifest.get('family', DEFAULT))
        provenance = manifest['provenance']
        # Older bundles hold the rule of their imagination alone.
        sizes = provenance.get('model') or {
            k: provenance[k] for k in ('imagine_rule',) if k in provenance
        }
        model = family.build(contract, family.config_from_json(sizes))
    if model.belief_dim != manifest['belief_dim']:
        raise ValueError(
            f'{folder}: belief of {manifest["belief_dim"]}, but this version of the model has '
            f'{model.belief_dim}: measure with --no-eager'
        )
    return model.eval(), contract, manifest


def use_threads(threads: int) -> None:
    """Let torch compute in so many threads."""
    torch.set_num_threads(threads)


def make_eager(folder: str | Path, threads: int = 1) -> Eager:
    """Return a function (belief [1, B], pending [n, A]) -> best plan [H, A], in eager torch."""
    model, contract, manifest = load_model(Path(folder))
    use_threads(threads)
    config = PlannerConfig(**manifest['planner'])
    iterate = PlanIteration(model, config, manifest['return_scale']).eval()
    low = torch.tensor(contract.action.low)
    high = torch.tensor(contract.action.high)
    safe = torch.zeros_like(low)
    shape = (config.horizon, contract.action_dim)
    half = ((high - low) / 2.0).expand(shape)
    generator = torch.Generator().manual_seed(0)
    warm = torch.zeros(shape)

    @torch.inference_mode()
    def plan(belief: np.ndarray, pending: np.ndarray) -> np.ndarray:
        nonlocal warm
        state = torch.from_numpy(belief)
        for action in torch.from_numpy(np.ascontiguousarray(pending, np.float32)):
            state = model.imagine(state, action.unsqueeze(0))
        previous = torch.cat([warm[1:], warm[-1:]])
        mask = torch.ones(config.horizon)
        mask[-1] = 0.0
        mean, std = previous, half * config.max_std
        best = previous
        for _ in range(config.iteration_count):
            noise = torch.randn((config.batch_size, *shape), generator=generator)
            mean, std, best, *_ = iterate(state, mean, std, noise, previous, mask, low, high, safe)
        warm = best
        return as_array(best)

    return plan
