# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench inside`: are policies ranked by their return inside of a model as they are outside?

Outside is the simulator, over the selection seeds; these returns are kept in a file beside the
policies and measured only where they are missing (outside_returns.py). Inside is the imagined
robot of one bundle, with the same guard and the same command offset (Env around ImaginedBody),
from the first ticks of the same seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bench.inside_policies import InsideError, Policy, damaged, policies_in
from world_model_ros.bench.outside_returns import OUTSIDE_FILE, Outside
from world_model_ros.bench.rank_correlation import ranking
from world_model_ros.bundle import Bundle
from world_model_ros.contract import Contract
from world_model_ros.evaluation import RandomActor
from world_model_ros.evaluation.seeds import SELECTION
from world_model_ros.imagined import ImaginedBody, ImaginedWorld, Start
from world_model_ros.imagined.simulated_start import simulated_start
from world_model_ros.robots import NOMINAL, Env, Reality, make_env

CONTEXT_TICKS = 5  # seen before the imagination begins
LEAST_POLICIES = 3


def measure(
    contract: Contract,
    world: Bundle,
    folder: Path,
    episodes: int,
    ticks: int,
    figures: dict[str, Any],
    say: Callable[[str], None],
    beside: Mapping[str, Path] | None = None,
    reality: Reality = NOMINAL,
) -> None:
    """Rank the policies of a folder and add the figures.

    Args:
        contract: of the robot.
        world: the bundle that they are judged in.
        folder: of bundles; their returns outside are kept there.
        episodes: seeds, inside and outside.
        ticks: imagined from each seed.
        figures: filled.
        say: receives what goes on.
        beside: bundles that lie elsewhere, by name.
        reality: of the simulator.

    Raises:
        InsideError: too few policies, or the world cannot give what acting needs.
    """
    seeds = SELECTION[:episodes]
    env = make_env(contract, 0, reality)
    try:
        whole = policies_in(folder, contract, beside)
        known = Outside(folder / OUTSIDE_FILE)
        outside = {p.name: _mean(known.of(p, contract, env, seeds, say)) for p in whole}
        whole.sort(key=lambda policy: -outside[policy.name])
        policies = [*whole, *damaged(whole)]
        for policy in policies[len(whole) :]:
            outside[policy.name] = _mean(known.of(policy, contract, env, seeds, say))
        if len(policies) < LEAST_POLICIES:
            raise InsideError(
                f'{folder}: {len(policies)} policies; a ranking needs {LEAST_POLICIES}'
            )
        starts = [_start(world, env, seed, contract) for seed in seeds]
    finally:
        env.close()
    rows = []
    for policy in policies:
        say(f'inside: {policy.name}')
        imagined = _mean(inside_returns(policy, world, starts, seeds, ticks))
        rows.append(
            {
                'name': policy.name,
                'release': policy.release,
                'outside': outside[policy.name],
                'inside': imagined,
            }
        )
    figures |= ranking(rows)
    figures |= {'rows': rows, 'ticks': ticks, 'episodes': len(seeds), 'reality': reality.name}


def _mean(returns: Sequence[float]) -> float:
    return float(np.mean(returns))


def _start(world: Bundle, env: Env, seed: int, contract: Contract) -> Start:
    random = RandomActor(contract)
    random.reset(seed)
    return simulated_start(world, env, seed, CONTEXT_TICKS, random)


def inside_returns(
    policy: Policy,
    world: Bundle,
    starts: Sequence[Start],
    seeds: Sequence[int],
    ticks: int,
) -> list[float]:
    """Returns of a policy in the imagined world, one from each start.

    Raises:
        InsideError: the world predicts no reward or draws nothing, or it breaks.
    """
    found = []
    actor = policy.actor(world.contract)
    for start, seed in zip(starts, seeds, strict=True):
        imagined = ImaginedWorld(world, start)
        if imagined.lacks:
            raise InsideError(f'{world.path}: {"; ".join(imagined.lacks)}: it cannot judge')
        env = Env(world.contract, 0, body=ImaginedBody(imagined))
        step, total = env.reset(seed), 0.0
        actor.reset(seed)
        while step.tick < ticks and not (step.terminal or step.truncated):
            step = env.step(actor(step))
            total += step.reward
        if imagined.failure:
            raise InsideError(f'{world.path}: {imagined.failure} gives NaN or infinity')
        found.append(total)
        env.close()
    return found
