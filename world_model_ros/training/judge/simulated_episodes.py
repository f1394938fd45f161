# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes that a policy runs in the simulator, as rows to predict: held out by their seeds.

Owns the run and its exploration noise. What is decided is decided as in training (collect.py).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from world_model_ros.contract import Contract
from world_model_ros.families.device import as_array
from world_model_ros.families.protocol import FamilyModel
from world_model_ros.robots import make_env
from world_model_ros.training.core.collect import (
    LEAST_NOISE,
    MOST_NOISE,
    NOISE_CORRELATION,
    decide,
    tick_arrays,
)
from world_model_ros.training.data.segments import Rows

SIDE_BY_SIDE = 10  # episodes at once: one renderer each


@torch.no_grad()
def simulated_episodes(
    model: FamilyModel,
    contract: Contract,
    seeds: Sequence[int],
    ticks: int,
    explore: bool,
    say: Callable[[int], object] = lambda done: None,
) -> list[Rows]:
    """Return one episode [T, ...] per seed: start and noise are the seed's.

    With ``explore`` the first episode has the least noise of a training lane and the last one the
    most; without, the policy acts alone. An episode that ends before ``ticks`` is shorter.
    """
    endless = dataclasses.replace(contract.episode, max_ticks=ticks - 1)
    contract = dataclasses.replace(contract, episode=endless)
    share = np.linspace(LEAST_NOISE, MOST_NOISE, len(seeds)) * explore
    out: list[Rows] = []
    for begin in range(0, len(seeds), SIDE_BY_SIDE):
        group = slice(begin, begin + SIDE_BY_SIDE)
        out += _run(model, contract, seeds[group], share[group])
        say(len(out))
    return out


def _run(
    model: FamilyModel, contract: Contract, seeds: Sequence[int], share: np.ndarray
) -> list[Rows]:
    low, high = np.array(contract.action.low), np.array(contract.action.high)
    envs = [make_env(contract, seed) for seed in seeds]
    rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
    try:
        steps = [env.reset(seed) for env, seed in zip(envs, seeds, strict=True)]
        rows = [[tick_arrays(contract, step)] for step in steps]
        noise = np.stack([rng.standard_normal(len(low)) for rng in rngs])  # [E, A]
        belief = model.initial(len(envs))
        rest = math.sqrt(1.0 - NOISE_CORRELATION**2)
        while not all(step.terminal or step.truncated for step in steps):
            belief, mean, _ = decide(model, belief, steps)
            fresh = np.stack([rng.standard_normal(len(low)) for rng in rngs])
            noise = NOISE_CORRELATION * noise + rest * fresh
            actions = as_array(mean) + share[:, None] * (high - low) / 2.0 * noise
            actions = np.clip(actions, low, high)
            for i, env in enumerate(envs):
                if not (steps[i].terminal or steps[i].truncated):
                    steps[i] = env.step(actions[i])
                    rows[i].append(tick_arrays(contract, steps[i]))
    finally:
        for env in envs:
            env.close()
    return [{key: np.stack([tick[key] for tick in each]) for key in each[0]} for each in rows]
