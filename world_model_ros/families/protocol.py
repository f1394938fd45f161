# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What planner, exporter, trainer and evaluation need of a world model; nothing more.

Owns the protocol every family implements. Must not import planning, training or nodes.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch

Observation = dict[str, torch.Tensor]


@runtime_checkable
class WorldModel(Protocol):
    """A recurrent latent world model with explicit belief, in SI units at its boundary.

    Shapes: belief [B, D], action [B, A] (SI units, inside the contract's box), observation
    {stream: uint8 [B, h, w, 3] or float32 [B, n]}, ages [B, S] seconds, is_first [B, 1].
    ``noise=None`` means the family's declared deterministic rule.
    """

    belief_dim: int
    action_dim: int

    def initial(self, batch: int) -> torch.Tensor:
        """Return the belief before anything was seen, [batch, D]."""

    def observe(
        self,
        belief: torch.Tensor,
        action_sent: torch.Tensor,
        observation: Observation,
        ages: torch.Tensor,
        is_first: torch.Tensor,
        noise: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the belief after this observation [B, D] and the surprise [B] in nats."""

    def imagine(
        self, belief: torch.Tensor, action: torch.Tensor, noise: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the belief one period later under ``action``, [B, D]."""

    def outcomes(
        self, belief: torch.Tensor, action: torch.Tensor, next_belief: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what a step from ``belief`` to ``next_belief`` under ``action`` brought.

        Returns:
            The expected reward [B] of the step, and the probability [B] that the episode did not
            terminate at its end. A family may use any of the three inputs.
        """

    def value(self, belief: torch.Tensor) -> torch.Tensor:
        """Return the expected discounted return from this belief on, [B]."""

    def policy(self, belief: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation of the action in SI units, each [B, A]."""


@runtime_checkable
class Decodes(Protocol):
    """A world model that can show what it believes."""

    def decode(self, belief: torch.Tensor) -> Observation:
        """Return uint8 pictures [B, h, w, 3] and float joints [B, n] per stream."""


@runtime_checkable
class DecodingWorldModel(WorldModel, Decodes, Protocol):
    """A world model whose beliefs can be drawn."""
