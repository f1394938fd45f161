# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tensors of a learner by name, out and in: of a checkpoint, and beside a bundle.

Owns the names, which files of older versions have too. Must not read or write files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from world_model_ros.families.device import CPU

if TYPE_CHECKING:
    from world_model_ros.families.dreamer.algorithm import Learner


def learner_tensors(learner: Learner) -> dict[str, torch.Tensor]:
    """Return everything learning needs to go on, by name."""
    out = {f'model.{k}': v for k, v in learner.model.state_dict().items()}
    out |= {f'average.{k}': v for k, v in learner.average.state_dict().items()}
    out |= {f'slow_value.{k}': v for k, v in learner.slow_value.state_dict().items()}
    out['return_scale'] = learner.return_scale.reshape(1)
    for index, optimiser in enumerate(learner.optimisers):
        for slot, state in optimiser.state_dict()['state'].items():
            for key, value in state.items():
                out[f'optimiser.{index}.{slot}.{key}'] = torch.as_tensor(value)
    return {k: _kept(v) for k, v in out.items()}


def shipped_tensors(learner: Learner) -> dict[str, torch.Tensor]:
    """Return what travels beside a bundle: its weights, for learning to go on from there.

    Optimiser moments are most of a checkpoint and warm up again in a few hundred updates.
    """
    out = {f'model.{k}': v for k, v in learner.average.state_dict().items()}
    out |= {f'slow_value.{k}': v for k, v in learner.slow_value.state_dict().items()}
    out['return_scale'] = learner.return_scale.reshape(1)
    return {k: _kept(v) for k, v in out.items()}


def restore_learner(learner: Learner, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put tensors of ``learner_tensors`` back, optimiser moments included."""
    learner.model.load_state_dict(_under('model.', tensors), strict=True)
    # A checkpoint from before weights were averaged, or a shipped one: start from its weights.
    average = _under('average.', tensors) or _under('model.', tensors)
    learner.average.load_state_dict(average, strict=True)
    learner.slow_value.load_state_dict(_under('slow_value.', tensors), strict=True)
    learner.return_scale.copy_(tensors['return_scale'][0])
    for index, optimiser in enumerate(learner.optimisers):
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in _under(f'optimiser.{index}.', tensors).items():
            slot, name = key.split('.', 1)
            slots.setdefault(int(slot), {})[name] = value
        full = optimiser.state_dict()
        full['state'] = slots
        optimiser.load_state_dict(full)


def _kept(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy on the CPU: files move between devices."""
    return tensor.detach().to(CPU, copy=True).contiguous()


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
