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

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from world_model_ros.families.protocol import Algorithm
from world_model_ros.own_folder import check_own, remove_own

FORMAT = 1
STATE, WEIGHTS = 'state.json', 'learner.safetensors'
FILES = (STATE, WEIGHTS)
# What writing weights raises where the disk is full; safetensors has an error of its own.
NOT_WRITTEN = (OSError, SafetensorError)


def save(folder: Path, learner: Algorithm, state: dict[str, Any]) -> None:
    """Write a checkpoint; readers see the old one or the new one, never a mixture.

    Raises:
        FileExistsError: something else lies in its place; nothing of that is touched.
        OSError, SafetensorError: it cannot be written; the one before is whole.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(folder.name + '.tmp')
    remove_own(temporary, FILES)
    temporary.mkdir()
    save_file(learner.state_dict(), temporary / WEIGHTS)
    full = {
        'format': FORMAT,
        'family': learner.family,
        'updates': learner.updates,
        **state,
    }
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


def load(folder: Path, learner: Algorithm) -> dict[str, Any]:
    """Restore a checkpoint in place and return its state.

    Raises:
        ValueError: if it is damaged or has another format.
    """
    state = read_state(folder)
    learner.load_state_dict(load_file(folder / WEIGHTS))
    learner.updates = state['updates']
    return state
