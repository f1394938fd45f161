# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Atomic checkpoints: weights and optimisers as safetensors, counters as JSON beside them.

A checkpoint is one folder that appears by rename; a killed process leaves the previous one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from world_model_ros.own_folder import check_own, remove_own
from world_model_ros.training.core.learner import Learner

FORMAT = 1
STATE, WEIGHTS = 'state.json', 'learner.safetensors'
FILES = (STATE, WEIGHTS)
# What writing weights raises where the disk is full; safetensors has an error of its own.
NOT_WRITTEN = (OSError, SafetensorError)


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
    return {k: v.detach().contiguous().clone() for k, v in out.items()}


def shipped_tensors(learner: Learner) -> dict[str, torch.Tensor]:
    """Return what travels beside a bundle: its weights, for learning to go on from there.

    Optimiser moments are most of a checkpoint and warm up again in a few hundred updates.
    """
    out = {f'model.{k}': v for k, v in learner.average.state_dict().items()}
    out |= {f'slow_value.{k}': v for k, v in learner.slow_value.state_dict().items()}
    out['return_scale'] = learner.return_scale.reshape(1)
    return {k: v.detach().contiguous().clone() for k, v in out.items()}


def save(folder: Path, learner: Learner, state: dict[str, Any]) -> None:
    """Write a checkpoint; readers see the old one or the new one, never a mixture.

    Raises:
        FileExistsError: something else lies in its place; nothing of that is touched.
        OSError, SafetensorError: it cannot be written; the one before is whole.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(folder.name + '.tmp')
    remove_own(temporary, FILES)
    temporary.mkdir()
    save_file(learner_tensors(learner), temporary / WEIGHTS)
    full = {'format': FORMAT, 'updates': learner.updates, **state}
    (temporary / STATE).write_text(json.dumps(full, indent=1))
    for path in temporary.iterdir():
        with path.open('rb') as file:
            os.fsync(file.fileno())
    old = folder.with_name(folder.name + '.old')
    if _is_whole(folder):
        remove_own(old, FILES)
        check_own(folder, FILES)
        folder.rename(old)
    else:  # after a kill between the two renames the old one is all there is
        remove_own(folder, FILES)
    temporary.rename(folder)
    remove_own(old, FILES)


def find(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, also after a kill between the two renames."""
    for candidate in (folder, folder.with_name(folder.name + '.old')):
        if _is_whole(candidate):
            return candidate
    return None


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (STATE, WEIGHTS))


def read_state(folder: Path) -> dict[str, Any]:
    """Return the counters of a checkpoint.

    Raises:
        ValueError: damaged, or of another format.
    """
    path = folder / STATE
    remedy = 'use the version that wrote it, or give another --out'
    try:
        state = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f'{path}: not JSON ({error}), damaged; {remedy}') from error
    found = state.get('format') if isinstance(state, dict) else None
    if found != FORMAT:
        raise ValueError(
            f'{path}: checkpoint format {found!r}, this version reads {FORMAT}; {remedy}'
        )
    return state


def load(folder: Path, learner: Learner) -> dict[str, Any]:
    """Restore a checkpoint in place and return its state.

    Raises:
        ValueError: if it is damaged or has another format.
    """
    state = read_state(folder)
    restore_learner(learner, load_file(folder / WEIGHTS))
    learner.updates = state['updates']
    return state


def restore_learner(learner: Learner, tensors: dict[str, torch.Tensor]) -> None:
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


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
