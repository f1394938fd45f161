# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench swap`: how much a swap changes an action when nothing but the belief's past changes.

A bundle is swapped for itself in the middle of episodes: the incoming belief is burned in over
the last k ticks, the planner's noise is the same and both plans start cold, as at a real swap.
What differs is what k ticks cannot tell of the episode before them. `as_done` is the swap as the
agent does it: a bundle that filters alike, as this one does, goes on from the acting belief. With
--returns whole episodes are lived with burned-in beliefs again and again, and without: what such
a swap costs.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bench.results import reported
from world_model_ros.bundle import Bundle, find_bundle, load_bundle
from world_model_ros.cli._arguments import simulated
from world_model_ros.onboard.policy.brain import Brain, Decision
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.tick.history import HISTORY_TICKS, History

BURN_IN_TICKS = (1, 2, 4, 8, 16, 32, 64)
EVERY_TICKS = 10  # neighbours say nearly the same
SEED = 31_000
GOAL = 1e-2  # of half the action range, after GOAL_TICKS
GOAL_TICKS = 32
SWAP_EVERY_TICKS = 50  # with --returns: far more often than any trainer publishes


def swap_command(
    bundle: Annotated[str, typer.Option(help='Bundle folder, or a shipped name.')] = 'reacher',
    episodes: Annotated[int, typer.Option(min=1, help='Episodes to swap in.')] = 3,
    ticks: Annotated[int, typer.Option(min=80, help='Ticks per episode.')] = 200,
    plan: Annotated[bool, typer.Option(help='Plan, or the policy alone.')] = True,
    returns: Annotated[bool, typer.Option(help='Also live whole episodes with swaps.')] = False,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Swap a bundle for itself after k ticks of burn-in; report how far actions change."""
    folder = find_bundle(bundle)
    loaded = load_bundle(folder)
    simulated(loaded.contract)
    figures: dict[str, Any] = {
        'bench': 'swap',
        'bundle': folder.name,
        'episodes': episodes,
        'plan': plan,
        'returns': None,
        'machine': machine(),
    }
    differences: dict[int, list[float]] = {k: [] for k in BURN_IN_TICKS}
    as_done: list[float] = []
    with reported(figures, _show, as_json=as_json):
        try:
            measure(loaded, episodes, ticks, plan, differences, as_done)
        finally:
            figures |= _changes(differences, as_done)
        if returns:
            scores: dict[str, list[float]] = {'undisturbed': [], 'swapped': []}
            figures['returns'] = {'every': SWAP_EVERY_TICKS, **scores}
            live(loaded, episodes, plan, 0, scores['undisturbed'])
            live(loaded, episodes, plan, SWAP_EVERY_TICKS, scores['swapped'])


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


def _show(figures: dict[str, Any]) -> None:
    if 'burn_in' in figures:
        typer.echo('burn-in   change of the action, in halves of its range')
        for row in figures['burn_in']:
            typer.echo(
                f'{row["ticks"]:4d} ticks  median {row["median"]:.4f}   worst {row["worst"]:.4f}'
                f'   below {GOAL:g}: {row["below_goal"]:.0%}'
            )
        done = figures['as_done']
        typer.echo(f'as done     median {done["median"]:.4f}   worst {done["worst"]:.4f}')
    for name, values in (figures['returns'] or {}).items():
        if name != 'every':
            typer.echo(f'{name:12s} returns {", ".join(f"{value:.0f}" for value in values)}')


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
    lived, kept, incoming = (Brain(contract, bundle, plan=plan) for _ in range(3))
    acting, candidate = (Model(b, bundle.digest, bundle=bundle) for b in (kept, incoming))

    def change(expected: Decision, found: Decision) -> float:
        return float((np.abs(found.chunk[0] - expected.chunk[0]) / half).max())

    env = make_env(contract, SEED)
    try:
        for episode in range(episodes):
            step = env.reset(SEED + episode)
            history = History()
            for brain in (lived, kept):
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
                step = env.step(lived.step(*now, math.inf).chunk)
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
        'worst': round(float(values.max()), 6),
        'below_goal': round(float((values < GOAL).mean()), 4),
    }
