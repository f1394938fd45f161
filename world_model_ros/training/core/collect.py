# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lives in simulated robots: one lane per ``Env``, the policy inferred for all at once.

Gives ticks as replay stores them and scores of evaluation episodes. The actions of a tick are
decided from the belief imagined ``command_offset`` ahead, exactly as on the robot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch

from world_model_ros.contract import Contract
from world_model_ros.families.device import as_array, tensor_on
from world_model_ros.families.protocol import FamilyModel
from world_model_ros.robots import NOMINAL, Reality, make_env
from world_model_ros.robots.env import Env, Step

# Lanes take seeds from here on: disjoint from all that evaluate (evaluation/seeds.py).
LANE_SEED = 1_000_000
# Least exploration noise of the first and the last lane, in half action ranges: some lanes show
# what the policy does, others where it would not go (after Ape-X, Horgan 2018).
LEAST_NOISE, MOST_NOISE = 0.05, 0.7
# Of that noise, while a scripted controller acts: it is seen where it would not go by itself, and
# how it gets back (Laskey 2017).
DEMONSTRATION_NOISE = 0.3
# Of exploration noise from one tick to the next: white noise averages out before a body moves.
NOISE_CORRELATION = 0.8


def tick_arrays(contract: Contract, step: Step) -> dict[str, np.ndarray]:
    """Turn an Env step into one replay tick; the first tick has no reward."""
    tick = {f'obs_{s.name}': step.arrays[s.name] for s in contract.streams}
    tick |= {
        'ages': step.ages,
        'action_sent': step.action_sent,
        'reward': np.asarray(np.nan if step.is_first else step.reward, np.float32),
        'is_first': np.asarray(step.is_first, np.bool_),
        'terminal': np.asarray(step.terminal, np.bool_),
    }
    return tick


class Lanes:
    """Environments stepped in turn, with one batched belief.

    ``realities`` is called with a generator at each reset and may return a different body.
    """

    def __init__(
        self,
        contract: Contract,
        count: int,
        seed: int,
        episode_ticks: int,
        realities: Callable[[np.random.Generator], Reality | None] | None = None,
    ) -> None:
        self.contract, self.episode_ticks = contract, episode_ticks
        self.rng = np.random.default_rng([LANE_SEED, seed])
        self.realities = realities
        self.envs = [make_env(contract, seed=LANE_SEED + seed) for _ in range(count)]
        self.steps = [self._reset(env) for env in self.envs]
        # Lanes start out of step, so that replay is never all beginnings.
        self.left = [int(x) for x in self.rng.integers(episode_ticks // 4, episode_ticks, count)]
        self.belief: torch.Tensor | None = None
        half = (np.array(contract.action.high) - np.array(contract.action.low)) / 2.0
        spread = np.linspace(LEAST_NOISE, MOST_NOISE, count)[:, None] * half  # [lanes, A]
        self.least_std = torch.from_numpy(spread.astype(np.float32))
        self.noise = torch.zeros(count, contract.action_dim)

    def _reset(self, env: Env) -> Step:
        if self.realities is not None:
            env.set_reality(self.realities(self.rng))
        return env.reset(int(LANE_SEED + self.rng.integers(2**31)))

    def begin_again(self) -> None:
        """Begin a new episode in every lane: ticks that nobody stored leave a gap otherwise."""
        self.steps = [self._reset(env) for env in self.envs]

    def ticks(self) -> list[dict[str, np.ndarray]]:
        """Return the current tick of every lane for replay."""
        return [tick_arrays(self.contract, step) for step in self.steps]

    @torch.no_grad()
    def act(
        self, model: FamilyModel | None, explore: bool = True, *, demonstrate: bool = False
    ) -> None:
        """Decide for every lane and live one period.

        Without a model noise alone decides, or, to `demonstrate`, each body's scripted controller.

        Raises:
            BodyError: a body that has none shall demonstrate.
        """
        low, high = np.array(self.contract.action.low), np.array(self.contract.action.high)
        fresh = torch.randn(len(self.envs), len(low))
        rest = math.sqrt(1.0 - NOISE_CORRELATION**2)
        self.noise = NOISE_CORRELATION * self.noise + rest * fresh  # [lanes, A], unit variance
        if demonstrate:
            shown = np.stack([env.robot.demonstrate() for env in self.envs])
            mean = torch.from_numpy(shown.astype(np.float32))
            std = DEMONSTRATION_NOISE * self.least_std
        elif model is None:
            mean = torch.from_numpy((low + high) / 2.0).float().expand_as(self.noise)
            std = torch.from_numpy((high - low) / 2.0).float()
        else:
            if self.belief is None:
                self.belief = model.initial(len(self.envs))
            self.belief, *action = decide(model, self.belief, self.steps)
            mean, std = (torch.from_numpy(as_array(part)) for part in action)
            std = torch.maximum(std, self.least_std)
        if explore:
            mean = mean + std * self.noise
        actions = np.clip(as_array(mean), low, high)
        for lane, env in enumerate(self.envs):
            self.left[lane] -= 1
            if self.left[lane] <= 0 or self.steps[lane].terminal or self.steps[lane].truncated:
                self.steps[lane] = self._reset(env)
                self.left[lane] = self.episode_ticks
            else:
                self.steps[lane] = env.step(actions[lane])


def decide(
    model: FamilyModel, belief: torch.Tensor, steps: Iterable
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return new beliefs [B, D] and the policy's mean and std [B, A] one offset ahead.

    They are on the device of the beliefs, which is the model's.
    """
    steps, device = list(steps), belief.device
    observation = {
        s.name: tensor_on(device, np.stack([step.arrays[s.name] for step in steps]))
        for s in model.contract.streams
    }
    ages = tensor_on(device, np.stack([step.ages for step in steps]))
    sent = tensor_on(device, np.stack([step.action_sent for step in steps]).astype(np.float32))
    first = tensor_on(device, np.array([[step.is_first] for step in steps], np.float32))
    belief, _ = model.observe(belief, sent, observation, ages, first)
    ahead = belief
    pending = tensor_on(device, np.stack([step.pending for step in steps]).astype(np.float32))
    for k in range(model.contract.offset_ticks):
        ahead = model.imagine(ahead, pending[:, k])
    mean, std = model.policy(ahead)
    return belief, mean, std


@torch.no_grad()
def evaluate(
    model: FamilyModel, contract: Contract, seeds: Iterable[int], reality: Reality = NOMINAL
) -> list[float]:
    """Return the policy's return per seed over whole episodes, without noise, side by side."""
    envs = [make_env(contract, seed, reality) for seed in seeds]
    steps = [env.reset(seed) for env, seed in zip(envs, seeds, strict=True)]
    belief = model.initial(len(envs))
    returns = np.zeros(len(envs))
    while not all(step.truncated or step.terminal for step in steps):
        belief, mean, _ = decide(model, belief, steps)
        actions = as_array(mean)
        for i, env in enumerate(envs):
            if not (steps[i].truncated or steps[i].terminal):
                steps[i] = env.step(actions[i])
                returns[i] += steps[i].reward
    for env in envs:
        env.close()
    return returns.tolist()
