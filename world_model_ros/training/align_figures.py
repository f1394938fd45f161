# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What alignment alone is worth: one policy before and after, on the changed and the old robot.

Recordings come from the changed robot under the weights that were not aligned, exploring, as the
learning loop's do; nothing but the picture nets learns. Policy returns in lockstep, no planner.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from world_model_ros.contract import Contract
from world_model_ros.families.protocol import Aligns, FamilyModel
from world_model_ros.robots import NOMINAL, Reality
from world_model_ros.training.core.collect import Lanes, evaluate
from world_model_ros.training.core.learner_file import find_shipped, read_shipped
from world_model_ros.training.data.replay import Replay
from world_model_ros.training.data.windows import draw_from

LANES = 4
EPISODE_TICKS = 125


@dataclass
class Outcome:
    """Returns per episode, and what was said and spent on the way; filled part by part."""

    returns: dict[str, list[float]] = field(default_factory=dict)  # 'REALITY before' and 'after'
    events: list[dict[str, Any]] = field(default_factory=list)
    seconds: float | None = None  # of the alignment


def bench_align(
    contract: Contract,
    reality: Reality,
    seeds: list[int],
    seed: int,
    simulator: bool,
    outcome: Outcome,
) -> Iterator[str]:
    """Record, score, align, score into `outcome`; yields what it does.

    Raises:
        ValueError: no learner file is shipped for the contract, or its family cannot align.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    shipped = read_shipped(shipped_learner(contract), contract)
    family, model = shipped.family, shipped.build(contract)
    if not isinstance(family, Aligns):
        raise ValueError(f'{shipped.path}: family {family.name!r} does not align weights')
    config, rng = family.align_settings(), np.random.default_rng(seed)
    returns, events = outcome.returns, outcome.events
    with tempfile.TemporaryDirectory() as folder:
        yield f'recording {config.ticks} ticks of {reality.name}'
        recorded = _live(contract, model, reality, Path(folder) / 'robot', config.ticks, seed)
        known = None
        if simulator:
            yield f'recording {2 * config.ticks} ticks of nominal'
            known = _live(
                contract, model, NOMINAL, Path(folder) / 'nominal', 2 * config.ticks, seed
            )
        for body in (reality, NOMINAL):
            yield f'scoring {body.name} before'
            returns[f'{body.name} before'] = evaluate(model, contract, seeds, body)
        clock = time.monotonic()
        aligned = copy.deepcopy(model).requires_grad_(True)
        draw_known = draw_from(known, rng) if known is not None else None
        yield from family.align(
            aligned,
            draw_from(recorded, rng),
            lambda count: None if draw_known is None else draw_known(count, 1),
            config,
            lambda event, **fields: events.append({'event': event, **fields}),
        )
        outcome.seconds = time.monotonic() - clock
    aligned.requires_grad_(False)
    for body in (reality, NOMINAL):
        yield f'scoring {body.name} after'
        returns[f'{body.name} after'] = evaluate(aligned, contract, seeds, body)


def shipped_learner(contract: Contract) -> Path:
    """The learner file that is shipped for a contract.

    Raises:
        ValueError: there is none.
    """
    path, reason = find_shipped(contract)
    if path is None:
        raise ValueError(reason)
    return path


def _live(
    contract: Contract, model: FamilyModel, body: Reality, folder: Path, ticks: int, seed: int
) -> Replay:
    """Return a replay of at least ``ticks`` ticks, all lanes together."""
    each = -(-ticks // LANES)
    lanes = Lanes(contract, LANES, seed, EPISODE_TICKS, realities=lambda rng: body)
    replay = Replay(folder, contract, LANES, each)
    for _ in range(each):
        replay.add(lanes.ticks())
        lanes.act(model)
    return replay
