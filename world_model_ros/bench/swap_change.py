# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench swap`: how much a swap changes an action when nothing but the belief's past changes.

A bundle is swapped for itself in the middle of episodes: the incoming belief is burned in over
the last k ticks, the planner's noise is the same and both plans start cold, as at a real swap.
What differs is what k ticks cannot tell of the episode before them. `as_done` is the swap as the
agent does it: a bundle that filters alike, as this one does, goes on from the acting belief. With
--returns whole episodes run with burned-in beliefs again and again, and without: what such
a swap costs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from world_model_ros.bundle import Bundle
from world_model_ros.onboard.policy.brain import Brain, Decision
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.tick.history import HISTORY_TICKS, History

BURN_IN_TICKS = (1, 2, 4, 8, 16, 32, 64)
EVERY_TICKS = 10  # neighbours say nearly the same
SEED = 31_000
GOAL = 1e-2  # of half the action range, after GOAL_TICKS
GOAL_TICKS = 32
SWAP_EVERY_TICKS = 50  # with --returns: far more often than any trainer publishes


def run(
    bundle: Bundle, episodes: int, ticks: int, plan: bool, returns: bool, figures: dict[str, Any]
) -> None:
    """Add the figures of all swaps, also of those until an interrupt.

    With `returns`: those of complete episodes with swaps too.
    """
    differences: dict[int, list[float]] = {k: [] for k in BURN_IN_TICKS}
    as_done: list[float] = []
    try:
        measure(bundle, episodes, ticks, plan, differences, as_done)
    finally:
        figures |= _changes(differences, as_done)
    if returns:
        scores: dict[str, list[float]] = {'undisturbed': [], 'swapped': []}
        figures['returns'] = {'every': SWAP_EVERY_TICKS, **scores}
        live(bundle, episodes, plan, 0, scores['undisturbed'])
        live(bundle, episodes, plan, SWAP_EVERY_TICKS, scores['swapped'])


def _changes(differences: dict[int, list[float]], as_done: list[float]) -> dict[str, Any]:
    if not differences[GOAL_TICKS] or not as_done:
        return {'swaps': 0}
    rows = [summary(k, differences[k]) for k in BURN_IN_TICKS if differences[k]]
    done = summary(GOAL_TICKS, as_done)
    alone = next(row for row in rows if row['ticks'] == GOAL_TICKS)['worst'] < GOAL
    reached = {'as_done': done['worst'] < GOAL, 'burn_in_alone': alone}
    return {
        'swaps': len(differences[GOAL_TICKS]),
        'burn_in': rows,
        'as_done': done,
        'goal': {'ticks': GOAL_TICKS, 'below': GOAL, 'reached': reached},
    }


def measure(
    bundle: Bundle,
    episodes: int,
    ticks: int,
    plan: bool,
    differences: dict[int, list[float]],
    as_done: list[float],
) -> None:
    """Append changes of the action, each the largest over the joints: by burn-in; as done."""
    from world_model_ros.robots import make_env  # extra: sim

    contract = bundle.contract
    half = (contract.high - contract.low) / 2.0
    undisturbed, kept, incoming = (Brain(contract, bundle, plan=plan) for _ in range(3))
    acting, candidate = (Model(b, bundle.digest, bundle=bundle) for b in (kept, incoming))

    def change(expected: Decision, found: Decision) -> float:
        return float((np.abs(found.chunk[0] - expected.chunk[0]) / half).max())

    env = make_env(contract, SEED)
    try:
        for episode in range(episodes):
            step = env.reset(SEED + episode)
            history = History()
            for brain in (undisturbed, kept):
                brain.reset(episode)
            for tick in range(ticks):
                now = (step.observation, step.action_sent, step.pending, step.is_first, step.tick)
                if tick >= HISTORY_TICKS and tick % EVERY_TICKS == 0:
                    incoming.reset(episode)
                    candidate.go_on_from(acting)
                    expected = kept.step(*now, math.inf)
                    as_done.append(change(expected, incoming.step(*now, math.inf)))
                    for k in BURN_IN_TICKS:
                        incoming.reset(episode)
                        incoming.burn_in(one for _, one in history.since(history.count - k))
                        differences[k].append(change(expected, incoming.step(*now, math.inf)))
                else:
                    kept.burn_in([(step.observation, step.action_sent, step.is_first)])
                history.add(step.observation, step.action_sent, step.is_first)
                step = env.step(undisturbed.step(*now, math.inf).chunk)
                if step.terminal or step.truncated:
                    break
    finally:
        env.close()


def live(bundle: Bundle, episodes: int, plan: bool, every: int, scores: list[float]) -> None:
    """Append returns of whole episodes with a swap, burned in, every so many ticks."""
    from world_model_ros.robots import make_env

    contract = bundle.contract
    acting, other = (Brain(contract, bundle, plan=plan) for _ in range(2))
    env = make_env(contract, SEED)
    try:
        for episode in range(episodes):
            step, history, total = env.reset(SEED + episode), History(), 0.0
            acting.reset(episode)
            while not (step.terminal or step.truncated):
                if every and step.tick and step.tick % every == 0:
                    other.reset(episode)
                    other.burn_in(one for _, one in history.since(history.count - GOAL_TICKS))
                    acting, other = other, acting
                now = (step.observation, step.action_sent, step.pending, step.is_first, step.tick)
                history.add(step.observation, step.action_sent, step.is_first)
                step = env.step(acting.step(*now, math.inf).chunk)
                total += step.reward
            scores.append(round(total, 1))
    finally:
        env.close()


def summary(ticks: int, differences: list[float]) -> dict[str, Any]:
    """One row of the curve."""
    values = np.asarray(differences)
    return {
        'ticks': ticks,
        'median': round(float(np.median(values)), 6),
        'p99': round(float(np.percentile(values, 99)), 6),
        'worst': round(float(values.max()), 6),
        'below_goal': round(float((values < GOAL).mean()), 4),
    }
