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

import json
import math
from typing import Annotated, Any

import numpy as np
import typer

from world_model_ros.bundle import Bundle, find_bundle, load_bundle
from world_model_ros.cli._measure import machine
from world_model_ros.onboard.brain import Brain, Decision
from world_model_ros.onboard.history import HISTORY_TICKS, History
from world_model_ros.onboard.model import Model

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
    differences, as_done = measure(loaded, episodes, ticks, plan)
    rows = [summary(k, differences[k]) for k in BURN_IN_TICKS]
    typer.echo('burn-in   change of the action, in halves of its range')
    for row in rows:
        typer.echo(
            f'{row["ticks"]:4d} ticks  median {row["median"]:.4f}   worst {row["worst"]:.4f}'
            f'   below {GOAL:g}: {row["below_goal"]:.0%}'
        )
    done = summary(GOAL_TICKS, as_done)
    typer.echo(f'as done     median {done["median"]:.4f}   worst {done["worst"]:.4f}')
    scores: dict[str, list[float]] = {}
    if returns:
        scores['undisturbed'] = live(loaded, episodes, plan, every=0)
        scores['swapped'] = live(loaded, episodes, plan, every=SWAP_EVERY_TICKS)
        for name, values in scores.items():
            typer.echo(f'{name:12s} returns {", ".join(f"{value:.0f}" for value in values)}')
    if as_json:
        alone = next(row for row in rows if row['ticks'] == GOAL_TICKS)['worst'] < GOAL
        reached = {'as_done': done['worst'] < GOAL, 'burn_in_alone': alone}
        figures = {
            'bench': 'swap',
            'bundle': folder.name,
            'episodes': episodes,
            'swaps': len(differences[GOAL_TICKS]),
            'plan': plan,
            'burn_in': rows,
            'as_done': done,
            'returns': {'every': SWAP_EVERY_TICKS, **scores} if scores else None,
            'goal': {'ticks': GOAL_TICKS, 'below': GOAL, 'reached': reached},
            'machine': machine(),
        }
        typer.echo(json.dumps(figures))


def measure(
    bundle: Bundle, episodes: int, ticks: int, plan: bool
) -> tuple[dict[int, list[float]], list[float]]:
    """Changes of the action, each the largest over the joints: by burn-in length; as done."""
    from world_model_ros.robots import make_env  # extra: sim

    contract = bundle.contract
    half = (contract.high - contract.low) / 2.0
    lived, kept, incoming = (Brain(contract, bundle, plan=plan) for _ in range(3))
    acting, candidate = (Model(b, bundle.digest, bundle=bundle) for b in (kept, incoming))
    differences: dict[int, list[float]] = {k: [] for k in BURN_IN_TICKS}
    as_done: list[float] = []

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
    return differences, as_done


def live(bundle: Bundle, episodes: int, plan: bool, every: int) -> list[float]:
    """Returns of whole episodes with a swap after a burn-in of GOAL_TICKS every so many ticks."""
    from world_model_ros.robots import make_env

    contract = bundle.contract
    acting, other = (Brain(contract, bundle, plan=plan) for _ in range(2))
    env = make_env(contract, SEED)
    scores = []
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
    return scores


def summary(ticks: int, differences: list[float]) -> dict[str, Any]:
    """One row of the curve."""
    values = np.asarray(differences)
    return {
        'ticks': ticks,
        'median': round(float(np.median(values)), 6),
        'worst': round(float(values.max()), 6),
        'below_goal': round(float((values < GOAL).mean()), 4),
    }
