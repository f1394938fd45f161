# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far a policy is from its teacher's, or from what somebody did, on recorded ticks.

The divergence of a trust region (TRPO, Schulman 2015), here a penalty towards a fixed policy as in
kickstarting (Schmitt 2018). Compared is what would have acted: the action one offset ahead of a
filtered belief, each as its own model foresees it.
"""

from __future__ import annotations

import torch

from world_model_ros.families.dreamer.filtering import filter_windows
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.protocol import Batch

CONTEXT_TICKS = 4  # of a window, seen before anything is compared


def imitation_loss(
    model: Dreamer, teacher: Dreamer, batch: Batch, embedded: torch.Tensor
) -> torch.Tensor:
    """Return KL(teacher || policy) in nats per tick, []; gradients reach the policy alone.

    Args:
        model: whose policy learns.
        teacher: filters as the model does: one belief serves both.
        batch: windows [B, T, ...] longer than the context.
        embedded: [B, T, hidden].
    """
    sent = batch['action_sent'][:, CONTEXT_TICKS + 1 :].flatten(0, 1)
    with torch.no_grad():
        beliefs = filter_windows(model, batch, embedded, sampled=False).beliefs
        now = beliefs[:, CONTEXT_TICKS:-1].flatten(0, 1)
        want, width = teacher.unit_policy(teacher.imagine(now, sent))  # [N, A]
        ahead = model.imagine(now, sent)
    mean, std = model.unit_policy(ahead)
    kl = torch.log(std / width) + (width.square() + (want - mean).square()) / (2 * std.square())
    return (kl - 0.5).sum(-1).mean()


def demonstration_loss(model: Dreamer, batch: Batch, beliefs: torch.Tensor) -> torch.Tensor:
    """Return -log p(what was done) in nats per tick, []; gradients reach the policy alone.

    Behaviour cloning (Pomerleau 1988), of what would have acted: beliefs are imagined on over the
    command offset, under what was done meanwhile.

    Args:
        model: whose policy learns.
        batch: windows [B, T, ...] longer than the context and the offset.
        beliefs: [B, T, D], filtered.
    """
    ahead = model.contract.offset_ticks
    sent, first = batch['action_sent'], batch['is_first']
    # An action row stands at the end of its interval: that of belief t is in row t + 1.
    size = sent.shape[1] - ahead - 1
    begin = min(CONTEXT_TICKS, size - 1)
    with torch.no_grad():
        now = beliefs[:, begin:size].flatten(0, 1)
        for step in range(ahead):
            now = model.imagine(now, sent[:, begin + 1 + step : size + 1 + step].flatten(0, 1))
        want = model.normalise_action(sent[:, begin + 1 + ahead :]).clamp(-1.0, 1.0).flatten(0, 1)
        # What lies behind the beginning of another piece was not done in this belief.
        rows = [first[:, begin + 1 + step : size + 1 + step] for step in range(ahead + 1)]
        known = ~torch.stack(rows).any(0).flatten()
    mean, std = model.unit_policy(now)
    cost = (torch.log(std) + (want - mean).square() / (2 * std.square())).sum(-1)
    return (cost * known).sum() / known.sum().clamp(min=1)
