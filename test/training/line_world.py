# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A slide on a line that is driven at a speed, and models of it whose faults are known."""

from __future__ import annotations

import math

import numpy as np
import torch

from world_model_ros.contract import parse_contract

PERIOD_SEC = 0.1
ROBOT = parse_contract("""
format: 1
name: line
control: {period: 0.1, tick: {source: timer}, command_rate: 10.0, command_timeout: 0.3}
streams:
  joints: {kind: joints, topic: joint_states, rate: 10.0, max_age: 0.2, names: [slide],
           fields: [position]}
action: {topic: command, kind: velocity, names: [slide], low: [-1.0], high: [1.0],
         rate_limit: [100.0], safe: zero}
episode: {reset: none, segment_ticks: 80}
""")


class Line:
    """Belief [B, 1]: the place of the slide. The reward is 1 in the middle, less elsewhere.

    Args:
        gain: of the policy towards the middle, 1/s; a negative one drives away from it.
        drift: of each prediction, m per tick.
        bonus: wrong by so much in each reward.
    """

    belief_dim = action_dim = 1

    def __init__(self, gain=1.0, drift=0.0, bonus=0.0) -> None:
        self.gain, self.drift, self.bonus = gain, drift, bonus
        self.drawn = 0  # rows

    def initial(self, batch):
        return torch.zeros(batch, 1)

    def observe(self, belief, action_sent, observation, ages, is_first, noise=None):
        return observation['joints'], torch.zeros(len(belief))

    def imagine(self, belief, action, noise=None):
        return belief + PERIOD_SEC * action + self.drift

    def outcomes(self, belief, action, next_belief):
        reward = 1.0 - next_belief.abs().squeeze(-1)
        return reward + self.bonus, torch.ones(len(belief))

    def value(self, belief):
        return torch.zeros(len(belief))

    def policy(self, belief):
        return -self.gain * belief, torch.ones_like(belief)

    def decode(self, belief):
        self.drawn += len(belief)
        return {'joints': belief}


class Undrawn:
    """A model without `decode`."""

    def __init__(self, model: Line) -> None:
        for name in ('initial', 'observe', 'imagine', 'outcomes', 'value', 'policy'):
            setattr(self, name, getattr(model, name))


def episode(seed: int, ticks: int = 60) -> dict[str, np.ndarray]:
    """Learnable rows of a random walk around a place near the middle."""
    rng = np.random.default_rng(seed)
    action = rng.uniform(-1.0, 1.0, (ticks, 1))
    action[0] = 0.0
    place = rng.uniform(-0.5, 0.5) + PERIOD_SEC * np.cumsum(action, 0)
    reward = 1.0 - np.abs(place[:, 0])
    reward[0] = math.nan
    first = np.zeros(ticks, bool)
    first[0] = True
    return {
        'obs_joints': place.astype(np.float32),
        'ages': np.zeros((ticks, 1), np.float32),
        'action_sent': action.astype(np.float32),
        'reward': reward.astype(np.float32),
        'is_first': first,
        'terminal': np.zeros(ticks, bool),
    }
