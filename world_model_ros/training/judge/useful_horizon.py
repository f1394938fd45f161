# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How long a model predicts held-out episodes better than copying what was seen last.

The figure of every release; `bench horizon` measures it longer, per stream and against more
baselines. Bounded work: some twenty windows of five seconds, decoded at some thirty ticks.
"""

from __future__ import annotations

import numpy as np
import torch

from world_model_ros.contract import Contract
from world_model_ros.families.protocol import WorldModel
from world_model_ros.training.judge.horizon_ticks import first_better, useful_ticks
from world_model_ros.training.judge.open_loop import (
    CONTEXT_TICKS,
    Figures,
    Piece,
    errors_ahead,
    rolled,
    spreads,
    starts_of,
)

PARTS = ('joints', 'picture', 'reward')
LONGEST_SEC = 5.0  # predicted: the goal for joints
MOST_TICKS = 250  # predicted, however fast the robot ticks
WINDOWS = 24
# Every one of the first ticks is looked at, where copying is hard to beat; then every fifth.
FIRST_TICKS, EVERY_TICKS = 10, 5


@torch.no_grad()
def horizon_figures(
    model: WorldModel, contract: Contract, pieces: list[Piece], reward_unit: float
) -> Figures:
    """Return useful horizons in s; empty where the pieces are too short.

    ``horizon_PART_s``: the time up to the first look at which copying has the smaller mean error.
    ``better_PART_from_s`` and ``better_PART_to_s``: the first stretch in which the model is
    better, where there is one. ``horizon_predicted_s``: how far was predicted, as far as half of
    the pieces go on. PART is of open_loop_figures, with its errors.
    """
    steps = predicted_ticks(pieces, contract.period_s)
    places = starts_of(pieces, steps, WINDOWS) if steps > 0 else []
    if not places:
        return {}
    spread = spreads(contract, pieces, reward_unit)
    looks = looked_at(steps)
    errors: dict[str, list[tuple[float, float]]] = {}
    for step, roll in enumerate(rolled(model, pieces, places, steps), 1):
        if step in looks:
            own, copied = errors_ahead(model, contract, pieces, places, step, roll, spread)
            for part in own:
                errors.setdefault(part, []).append((own[part], copied[part]))
    out: Figures = {}
    seconds = np.array(looks) * contract.period_s
    for part in PARTS:
        if len(errors.get(part, ())) != len(looks):  # of the reward: not known at each look
            continue
        own_errors, copied_errors = np.array(errors[part]).T
        count = int(useful_ticks(own_errors, copied_errors))
        out[f'horizon_{part}_s'] = float(seconds[count - 1]) if count else 0.0
        stretch = first_better(own_errors < copied_errors, seconds)
        if stretch is not None:
            out[f'better_{part}_from_s'], out[f'better_{part}_to_s'] = stretch
    if out:
        out['horizon_predicted_s'] = float(seconds[-1])
    return out


def predicted_ticks(pieces: list[Piece], period_s: float) -> int:
    """Return how many ticks are predicted: as far as half of the pieces go on; 0: none."""
    lengths = sorted((len(piece.beliefs) for piece in pieces), reverse=True)
    if not lengths:
        return 0
    room = lengths[(len(lengths) - 1) // 2] - CONTEXT_TICKS
    return max(0, min(room, round(LONGEST_SEC / period_s), MOST_TICKS))


def looked_at(steps: int) -> list[int]:
    """Return the ticks ahead at which errors are measured; the last one is among them."""
    later = range(FIRST_TICKS + EVERY_TICKS, steps, EVERY_TICKS)
    return [*range(1, min(FIRST_TICKS, steps - 1) + 1), *later, steps]
