# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a gate record says, read for people: a record is external data, and may say anything.

Records of older trainers have none of these figures. Must not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARTS = ('joints', 'picture', 'reward')


@dataclass(frozen=True)
class UsefulHorizon:
    """How long a release predicts a part better than copying what was seen last."""

    seconds: float
    predicted_s: float  # how far was looked
    better_s: tuple[float, float] | None  # the first stretch in which it is better

    def __str__(self) -> str:
        """Return it in s, as in a table."""
        if self.seconds >= self.predicted_s:
            return f'≥ {self.seconds:.1f}'
        if not self.seconds and self.better_s is not None:
            return '0 ({:.2g}–{:.2g})'.format(*self.better_s)
        return f'{self.seconds:.2g}'


def gate_figure(figures: Any, key: str) -> float | None:
    """Return a finite figure; None where the record has none."""
    value = figures.get(key) if isinstance(figures, Mapping) else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:  # a whole number of a thousand digits is JSON, too
        return None
    return found if math.isfinite(found) else None


def useful_horizons(figures: Any, of: str = '') -> dict[str, UsefulHorizon]:
    """Return the useful horizon of each part that a record knows.

    Args:
        figures: of a release record, a verdict or a bundle's provenance.
        of: '' for the release, 'acting_' for the one that was active until then.
    """
    found = {}
    predicted = gate_figure(figures, f'{of}horizon_predicted_s')
    for part in PARTS:
        seconds = gate_figure(figures, f'{of}horizon_{part}_s')
        if seconds is None or predicted is None:
            continue
        begin = gate_figure(figures, f'{of}better_{part}_from_s')
        end = gate_figure(figures, f'{of}better_{part}_to_s')
        better = None if begin is None or end is None else (begin, end)
        found[part] = UsefulHorizon(seconds, predicted, better)
    return found


def horizon_words(figures: Any) -> str:
    """Return the useful horizons on one line; '' where the record has none."""
    found = useful_horizons(figures)
    return ', '.join(f'{part} {horizon} s' for part, horizon in found.items())
