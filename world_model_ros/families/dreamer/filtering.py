# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Beliefs of recorded windows, with gradients: what the losses of a world model are made of.

Owns the pass through time alone. Must not import ROS or a simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from world_model_ros.families.device import mixed_precision
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.protocol import Batch


@dataclass(frozen=True)
class Filtered:
    """Beliefs [B, T, D], log probabilities of prior and posterior [B, T, G, C]."""

    beliefs: torch.Tensor
    prior: torch.Tensor
    posterior: torch.Tensor

    def kl(self, free_nats: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return KL(posterior || prior) in nats, twice: for the prior, for the posterior."""
        dynamics = _kl(self.posterior.detach(), self.prior).clamp(min=free_nats).mean()
        representation = _kl(self.posterior, self.prior.detach()).clamp(min=free_nats).mean()
        return dynamics, representation


def embed_windows(
    model: Dreamer,
    batch: Batch,
    bf16: bool = False,
    pictures: Mapping[str, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Return what the posterior sees of windows [B, T, ...]: [B, T, hidden].

    ``pictures`` [B * T, h, w, 3], 0..255, take the place of the recorded ones.
    """
    flat = {s.name: batch[f'obs_{s.name}'].flatten(0, 1) for s in model.contract.streams}
    flat |= pictures or {}
    with mixed_precision(model.device, bf16):
        embedded = model.embed(flat, batch['ages'].flatten(0, 1))
    return embedded.float().unflatten(0, batch['reward'].shape)


def filter_windows(
    model: Dreamer,
    batch: Batch,
    embedded: torch.Tensor,
    sampled: bool = True,
    unseen: torch.Tensor | None = None,
) -> Filtered:
    """Filter windows [B, T, ...]; latents are ``sampled``, or by the rules of the robot.

    Args:
        model: that filters.
        batch: windows; with ``context`` [B, D] they go on from that belief, else from nothing.
        embedded: [B, T, hidden].
        sampled: whether latents are drawn.
        unseen: ticks [B, T] whose latent is what is expected, in place of what was seen.
    """
    size, length = batch['reward'].shape
    keep = 1.0 - batch['is_first'].float().unsqueeze(-1)  # [B, T, 1]
    unit = model.normalise_action(batch['action_sent']) * keep
    belief = batch['context'].float() if 'context' in batch else model.initial(size)
    shape = (length, size, model.config.groups, model.config.classes)
    noise = torch.rand(shape, device=belief.device)
    noise = noise.clamp(1e-6, 1.0 - 1e-6)
    beliefs, priors, posteriors = [], [], []
    for t in range(length):
        deter = model.advance(belief * keep[:, t], unit[:, t])
        prior = model.prior_logits(deter)
        posterior = model.posterior_logits(deter, embedded[:, t])
        drawn = noise[t] if sampled else None
        latent = model.latent(posterior, drawn, model.config.observe_rule)
        if unseen is not None:
            expected = model.latent(prior, drawn, model.config.imagine_rule)
            latent = torch.where(unseen[:, t, None], expected, latent)
        belief = torch.cat([deter, latent], -1)
        beliefs.append(belief)
        priors.append(prior)
        posteriors.append(posterior)
    return Filtered(torch.stack(beliefs, 1), torch.stack(priors, 1), torch.stack(posteriors, 1))


def _kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Return KL(p || q) summed over groups, log probs [..., G, C] -> [...]."""
    return (torch.exp(p) * (p - q)).sum((-1, -2))
