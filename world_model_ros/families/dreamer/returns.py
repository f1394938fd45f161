# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""TD(lambda) returns, of imagined ticks and of recorded ones: what values and policy learn from.

Owns the sums alone; pure functions of tensors. Source: DreamerV3, section 'Critic learning'.
"""

from __future__ import annotations

import torch

from world_model_ros.families.protocol import Batch


def lambda_returns(
    reward: torch.Tensor,
    alive: torch.Tensor,
    value: torch.Tensor,
    discount: float,
    lambda_: float,
) -> torch.Tensor:
    """Return TD(lambda) returns [H, M] of the states before ``reward`` [H, M].

    ``alive`` [H, M] is the probability that the episode goes on, ``value`` [H, M] that of the
    state which the reward led to.
    """
    last = value[-1]
    out = []
    for t in reversed(range(reward.shape[0])):
        mixed = (1.0 - lambda_) * value[t] + lambda_ * last
        last = reward[t] + discount * alive[t] * mixed
        out.append(last)
    return torch.stack(out[::-1])


@torch.no_grad()
def replay_returns(
    value: torch.Tensor, batch: Batch, discount: float, lambda_: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return lambda returns [B, T - 1] of recorded ticks and a mask of where they are known.

    ``value`` [B, T] is that of each tick's belief.
    """
    reward, first = batch['reward'], batch['is_first']
    alive = 1.0 - batch['terminal'].float()
    last, out, mask = value[:, -1], [], []
    for t in reversed(range(value.shape[1] - 1)):
        known = ~first[:, t + 1] & torch.isfinite(reward[:, t + 1])
        mixed = (1.0 - lambda_) * value[:, t + 1] + lambda_ * last
        step = torch.nan_to_num(reward[:, t + 1]) + discount * alive[:, t + 1] * mixed
        last = torch.where(known, step, value[:, t])
        out.append(last)
        mask.append(known.float())
    return torch.stack(out[::-1], 1), torch.stack(mask[::-1], 1)
