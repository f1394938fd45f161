# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The settings of the Dreamer recipe, each with its default, and their reading from a file.

Owns names, defaults and ranges; what they do is in algorithm.py, filtering.py and pasts.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

COUNTS = ('batch', 'length', 'starts', 'horizon')  # of which there is at least one


@dataclass(frozen=True)
class LearnerConfig:
    """Settings of the recipe; one set for every robot.

    Raises:
        ValueError: settings that exclude each other, or out of their range.
    """

    batch: int = 24
    length: int = 20
    decode_share: float = 0.25  # frames decoded per update, picked at random
    starts: int = 96  # imagination starts per update
    horizon: int = 12
    lambda_: float = 0.95
    free_nats: float = 1.0
    dyn_scale: float = 1.0
    rep_scale: float = 0.1
    picture_scale: float = 1.0
    replay_value_scale: float = 0.3
    entropy: float = 3e-3
    model_lr: float = 6e-4
    value_lr: float = 1e-3
    policy_lr: float = 2e-4
    clip: float = 100.0
    slow_value: float = 0.05  # EMA rate of the value used as target
    average: float = 5e-3  # EMA rate of the weights that are scored and shipped
    warmup_updates: int = 200
    anchored_lr: float = 3e-4  # of the model, where what beliefs mean is kept
    # Of the policy: nats from its teacher against scaled returns, while prior, reward and value
    # settle in the robot that changed, and once they are no longer wrong about it.
    imitation: float = 0.1
    imitation_later: float = 0.02
    settle_updates: int = 1000
    bf16: bool | None = None  # of the picture nets; None: where the device has it
    # Latents while it learns: 'sampled', or 'deployed', by the rules of the robot (DreamerConfig).
    latents: str = 'sampled'
    context: bool = False  # windows begin with the belief that replay stored before them
    # Of the loss that brings beliefs with different pasts together: the distance of a window's
    # beliefs, filtered from its context and from nothing, between two ticks of the window.
    agree_scale: float = 0.0
    agree_after: int = 8
    agree_ticks: int = 32
    open_loop_share: float = 0.0  # of a window's ticks, filtered without what was seen

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.latents not in ('sampled', 'deployed'):
            raise ValueError(f'latents is {self.latents!r}; expected sampled or deployed')
        if self.agree_scale and not 0 <= self.agree_after < self.agree_ticks <= self.length:
            raise ValueError(
                f'agree_after {self.agree_after}, agree_ticks {self.agree_ticks}, length '
                f'{self.length}: expected 0 <= agree_after < agree_ticks <= length'
            )
        if self.agree_scale and not self.context:
            raise ValueError('agree_scale needs context: without it windows have one past')
        if not 0.0 <= self.open_loop_share <= 0.5:
            raise ValueError(f'open_loop_share is {self.open_loop_share}; expected 0 to 0.5')


def recipe_of(values: Mapping[str, Any]) -> LearnerConfig:
    """Return the recipe of named settings; the others have their defaults.

    Raises:
        ValueError: there is no such setting, or a value is of another type or out of range.
    """
    known = {field.name: getattr(LearnerConfig, field.name) for field in fields(LearnerConfig)}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f'there is no setting {name!r}; there are: {", ".join(known)}')
        default = known[name]
        kinds: tuple[type, ...] = (bool,) if default is None else (type(default),)
        if kinds == (float,):
            kinds = (float, int)
        if type(value) not in kinds:
            expected = ' or '.join(kind.__name__ for kind in kinds)
            raise ValueError(f'{name} is {value!r}; expected {expected}')
        least = 1 if name in COUNTS else 0
        if type(value) in (int, float) and not (math.isfinite(value) and value >= least):
            raise ValueError(f'{name} is {value!r}; expected a number of at least {least}')
    return LearnerConfig(**values)
