# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much of what a shift took a robot has regained: the figures of an adaptation claim.

Input: returns of each arm over the same report seeds. `regained` is
(adapted - frozen) / (oracle - frozen); see docs/explanation/evaluation.md. Must not import torch
or rclpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from world_model_ros.evaluation.statistics import Interval, mean_interval, ratio_interval

LEAST_LOSS = 0.4  # of the nominal return; a shift that costs less is mild and carries no claim


def shift_loss(nominal: Sequence[float], shifted: Sequence[float]) -> float:
    """Share of the nominal return that the frozen bundle loses."""
    return 1.0 - float(np.mean(shifted)) / max(float(np.mean(nominal)), 1e-9)


def regained(
    adapted: Sequence[float], frozen: Sequence[float], oracle: Sequence[float]
) -> Interval:
    """Share of the loss that adapting won back, episodes resampled as triples.

    Raises:
        ValueError: the oracle is no better than the frozen bundle, so the share means nothing.
    """
    if np.mean(oracle) <= np.mean(frozen):
        raise ValueError(
            f'the oracle returns {np.mean(oracle):.1f}, the frozen bundle {np.mean(frozen):.1f}: '
            'nothing to regain; train the oracle longer'
        )
    return ratio_interval(
        np.asarray(adapted) - np.asarray(frozen), np.asarray(oracle) - np.asarray(frozen)
    )


def arm_figures(returns: Mapping[str, Sequence[float]]) -> dict[str, object]:
    """Mean and interval of every arm, flat for JSON."""
    out: dict[str, object] = {}
    for name, values in returns.items():
        out |= mean_interval(values).entry(name)
    return out
