# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a batch is made of: nominal experience, the newest of the robot, and all of it.

Owns the shares. A source that has too little gives its share to the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world_model_ros.families.protocol import Batch
from world_model_ros.training.data.nominal import Nominal
from world_model_ros.training.data.replay import Replay
from world_model_ros.training.data.windows import as_batch


@dataclass(frozen=True)
class Shares:
    """Of a batch; what is left comes from all robot data alike."""

    # It holds what was known of the unchanged robot; more of it slows learning the changed one.
    nominal: float = 0.1
    newest: float = 0.25
    newest_ticks: int = 2_000  # what counts as newest: a few episodes
    nominal_least: int = 500  # ticks before nominal experience counts: fewer are learned by heart


def counts(batch: int, shares: Shares, nominal: bool, robot: bool) -> tuple[int, int, int]:
    """Return the windows from nominal, newest and all robot data; they add up to ``batch``."""
    if not robot:
        return (batch, 0, 0) if nominal else (0, 0, 0)
    # A share that is asked for is at least one window, also of a small batch.
    from_nominal = max(1, round(batch * shares.nominal)) if nominal and shares.nominal else 0
    newest = min(batch - from_nominal, round(batch * shares.newest))
    return from_nominal, newest, batch - from_nominal - newest


def draw(
    rng: np.random.Generator,
    robot: Replay,
    nominal: Nominal | None,
    shares: Shares,
    batch: int,
    length: int,
) -> Batch:
    """Return windows [batch, length, ...] as tensors.

    Raises:
        ValueError: no source holds a window.
    """
    least = max(shares.nominal_least, length)
    ready = nominal is not None and nominal.replay.held >= length and len(nominal.replay) >= least
    each = counts(batch, shares, ready, robot.held >= length)
    parts = []
    if each[0] and nominal is not None:
        parts.append(nominal.sample(rng, each[0], length))
    if each[1]:
        parts.append(robot.sample(rng, each[1], length, newest=shares.newest_ticks))
    if each[2]:
        parts.append(robot.sample(rng, each[2], length))
    if not parts:
        raise ValueError(f'no source holds a window of {length} ticks yet')
    return as_batch(parts)
