# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Building blocks of world models: encoder, decoder, heads and the symexp two-hot code.

Owns layers only; knows no robot, no training loop, no planner.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from world_model_ros.contract.shapes import patch_edge
from world_model_ros.families.device import product_dtype

# Symlog range and bins of the two-hot code: spacing 0.2, so +-2980 in plain units.
TWO_HOT_LIMIT = 8.0
TWO_HOT_BINS = 81
# Of values in units of the return scale: +-11 of them, a bin every 0.02 at 0 and every 0.04 at 1.
# A planner compares plans in these units, and takes one that is 0.03 better.
SCALED_LIMIT = 2.5
SCALED_BINS = 255
# Per update, of the logarithm. A value net follows in some fifty updates; a unit that moved as
# fast as the net would feed back through the bootstrapped returns.
UNIT_RATE = 1e-3


def symexp(x: torch.Tensor) -> torch.Tensor:
    """Invert symlog: sign(x) (exp|x| - 1) (DreamerV3, section 'Robust predictions')."""
    return torch.sign(x) * (torch.exp(torch.abs(x)) - 1.0)


class TwoHot(nn.Module):
    """Scalars as probabilities over exponentially spaced bins (DreamerV3).

    With ``scaled`` the bins are in a unit that follows the spread of returns: fine where returns
    are now, whatever the rewards of a robot. The unit is a tensor that is saved.
    """

    bins: torch.Tensor  # [K]
    unit: torch.Tensor  # [], with ``scaled`` alone

    def __init__(
        self, limit: float = TWO_HOT_LIMIT, count: int = TWO_HOT_BINS, scaled: bool = False
    ) -> None:
        super().__init__()
        bins = symexp(torch.linspace(-limit, limit, count))
        bins[count // 2] = 0.0
        self.register_buffer('bins', bins, persistent=False)
        self.scaled = scaled
        if scaled:
            self.register_buffer('unit', torch.ones(()))

    @property
    def count(self) -> int:
        """Return the bins, which are the logits that a head has to give."""
        return self.bins.shape[0]

    def mean(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the expected scalar, logits [..., K] -> [...]."""
        mean = (torch.softmax(logits, -1) * self.bins).sum(-1)
        return mean * self.unit if self.scaled else mean

    def loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the cross entropy to the two-hot code of ``target``, [...]."""
        if self.scaled:
            target = target / self.unit
        target = target.clamp(self.bins[0], self.bins[-1])
        above = torch.searchsorted(self.bins, target.contiguous()).clamp(1, self.count - 1)
        low, high = self.bins[above - 1], self.bins[above]
        weight = (target - low) / (high - low)  # share of the upper bin
        logp = torch.log_softmax(logits, -1)
        upper = logp.gather(-1, above.unsqueeze(-1)).squeeze(-1)
        lower = logp.gather(-1, (above - 1).unsqueeze(-1)).squeeze(-1)
        return -(weight * upper + (1.0 - weight) * lower)

    @torch.no_grad()
    def follow(self, spread: torch.Tensor) -> None:
        """Let the unit follow a spread of returns [], slowly; without ``scaled`` nothing."""
        if self.scaled:
            self.unit.mul_((spread / self.unit) ** UNIT_RATE)


class MLP(nn.Module):
    """Two hidden SiLU layers with one LayerNorm; the output layer can start at zero."""

    def __init__(self, inp: int, hidden: int, out: int, zero: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(inp, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.second = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, out)
        if zero:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [..., inp] to [..., out]."""
        return self.out(F.silu(self.second(F.silu(self.norm(self.first(x))))))


class PictureEncoder(nn.Module):
    """uint8 picture to a vector: a stem of patches, then two strided convolutions."""

    def __init__(self, shape: tuple[int, ...], widths: tuple[int, int, int], out: int) -> None:
        super().__init__()
        patch = patch_of(shape)
        self.stem = nn.Conv2d(3, widths[0], patch, patch)
        self.conv1 = nn.Conv2d(widths[0], widths[1], 4, 2, 1)
        self.conv2 = nn.Conv2d(widths[1], widths[2], 4, 2, 1)
        height, width = grid_of(shape)
        self.out = nn.Linear(widths[2] * height * width, out)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Map uint8 [B, h, w, 3] to [B, out]."""
        # bf16 holds 0..255 exactly; scaling the weights is cheaper than scaling the pixels.
        x = picture.permute(0, 3, 1, 2).to(product_dtype(picture.device))
        weight = self.stem.weight * (1.0 / 255.0)
        x = F.conv2d(x, weight, self.stem.bias, self.stem.stride)
        x = F.silu(x)  # [B, c0, 4 rows, 4 columns] of the last grid: 16 x 16 for a square
        x = F.silu(self.conv1(x))  # [B, c1, 2 rows, 2 columns]
        x = F.silu(self.conv2(x))  # [B, c2, rows, columns]
        return self.out(x.flatten(1))


class PictureDecoder(nn.Module):
    """Belief to picture, the encoder's mirror; pixels in [0, 1] with the batch first."""

    def __init__(self, inp: int, shape: tuple[int, ...], widths: tuple[int, int, int]) -> None:
        super().__init__()
        patch = patch_of(shape)
        self.first = (widths[2], *grid_of(shape))  # channels, rows, columns
        self.hidden = nn.Linear(inp, 128)
        self.grid = nn.Linear(128, math.prod(self.first))
        self.conv2 = nn.ConvTranspose2d(widths[2], widths[1], 4, 2, 1)
        self.conv1 = nn.ConvTranspose2d(widths[1], widths[0], 4, 2, 1)
        self.stem = nn.Conv2d(widths[0], 3 * patch * patch, 3, 1, 1)
        self.shuffle = nn.PixelShuffle(patch)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map [B, F] to [B, 3, h, w]; 0.5 is added so that an empty net paints grey."""
        x = F.silu(self.grid(F.silu(self.hidden(features))))
        x = x.reshape(-1, *self.first)
        x = F.silu(self.conv2(x))  # [B, c1, 2 rows, 2 columns]
        x = F.silu(self.conv1(x))  # [B, c0, 4 rows, 4 columns]
        return self.shuffle(self.stem(x)) + 0.5  # [B, 3, h, w]


def patch_of(shape: tuple[int, ...]) -> int:
    """Return the stem's patch edge for a picture shape.

    Raises:
        ValueError: if our networks take no pictures of this shape.
    """
    edge = patch_edge(shape)
    if not edge:
        raise ValueError(f'no stem for pictures of {tuple(shape)}: see contract/shapes.py')
    return edge


def grid_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return rows and columns of the encoder's last grid: 4 x 4 for a square."""
    edge = 4 * patch_of(shape)
    return shape[0] // edge, shape[1] // edge
