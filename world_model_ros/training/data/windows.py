# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From replay to what an algorithm takes: windows as tensors, and rows to take scales from.

Simulator and recordings go through here, so that both are sampled and normalised alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from world_model_ros.contract import Contract
from world_model_ros.families.protocol import Algorithm, Batch, Draw
from world_model_ros.training.data.replay import Replay


def as_batch(parts: Sequence[dict[str, np.ndarray]]) -> Batch:
    """Return windows [B, T, ...] of several sources as one batch of tensors, in their order."""
    return {
        key: torch.from_numpy(np.concatenate([part[key] for part in parts])) for key in parts[0]
    }


def draw_from(replay: Replay, rng: np.random.Generator) -> Draw:
    """Return what draws windows from a replay as tensors."""

    def draw(windows: int, length: int) -> Batch:
        return as_batch([replay.sample(rng, windows, length)])

    return draw


def normalise(algorithm: Algorithm, contract: Contract, replay: Replay) -> None:
    """Let an algorithm take its scales from all that the replay holds, once and for all."""
    rows = {}
    for stream in contract.vector_streams:
        held = replay.arrays[f'obs_{stream.name}'][:, : replay.held]  # [lanes, T, n]
        rows[stream.name] = torch.from_numpy(held.reshape(-1, *stream.shape).copy())
    algorithm.normalise(rows)
