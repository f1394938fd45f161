# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An episode as the arrays that learning takes.

Owns the meaning of each array; see docs/reference/episode.md. Row k: the observation at t_k, the
action that was executed over [t_{k-1}, t_k), and the reward of that interval. Must not import ROS
or torch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.experience.bag import EpisodeError
from world_model_ros.experience.episode_limits import ARRAYS_BYTES, check_limit
from world_model_ros.experience.read.labels import LABEL_FILE, apply_label, read_label
from world_model_ros.experience.read.reader import EpisodeReader
from world_model_ros.experience.read.rebuild import RebuiltTick, readable, rebuild

ARRAYS_FORMAT = 1


def to_arrays(
    episode: Path | str | EpisodeReader, contract: Contract | None = None
) -> dict[str, np.ndarray]:
    """All ticks of an episode, T rows each.

    `obs_STREAM` (uint8 or float32), `ages` [T, S], `observed` (False: the message was lost or the
    tick invalid; its rows are zeros), `approximate` (a picture went through lossy compression: not
    bit for bit what the agent saw), `action_sent` [T, A], `reward` (NaN: none was measured),
    `is_first`, `terminal`, `truncated`, `intervention`, `explore`, `eval`, `gap` (ticks are
    missing before this row), `tick`, `t_ns`. Rewards and end are those of the label, if the
    episode has one (labels.py).
    """
    reader = episode if isinstance(episode, EpisodeReader) else EpisodeReader(episode)
    contract = readable(contract or reader.contract)
    tick_bytes = sum(int(np.prod(s.shape)) * s.dtype.itemsize for s in contract.streams)
    ticks = []
    for tick in rebuild(reader, contract):
        ticks.append(tick)
        check_limit('bytes of the arrays', len(ticks) * tick_bytes, ARRAYS_BYTES)
    if not ticks:
        raise EpisodeError(f'{reader.file}: no tick record; nothing to learn from')
    size = len(ticks)
    arrays: dict[str, np.ndarray] = {
        f'obs_{s.name}': np.zeros((size, *s.shape), s.dtype) for s in contract.streams
    }
    arrays['ages'] = np.zeros((size, len(contract.streams)), np.float32)
    arrays['observed'] = np.zeros(size, bool)
    arrays['approximate'] = np.array([tick.status == 'approximate' for tick in ticks], bool)
    for row, tick in enumerate(ticks):
        _fill_observation(arrays, row, tick)
    records = [tick.record for tick in ticks]
    for name in ('terminal', 'truncated', 'intervention', 'explore', 'eval'):
        arrays[name] = np.array([getattr(record, name) for record in records], bool)
    arrays['is_first'] = np.array([record.first for record in records], bool)
    arrays['reward'] = np.array([record.reward for record in records], np.float32)
    arrays['action_sent'] = np.stack([record.sent for record in records]).astype(np.float32)
    arrays['tick'] = np.array([record.tick for record in records], np.int64)
    arrays['t_ns'] = np.array([record.t_ns for record in records], np.int64)
    arrays['gap'] = np.diff(arrays['tick'], prepend=arrays['tick'][0] - 1) != 1
    if not records[-1].last:
        # The recording broke off: the episode went on, unseen.
        arrays['truncated'][-1] = True
    label = read_label(reader.directory)
    if label is not None:
        apply_label(arrays, label, str(reader.directory / LABEL_FILE))
    arrays['format'] = np.array(ARRAYS_FORMAT)
    return arrays


def _fill_observation(arrays: dict[str, np.ndarray], row: int, tick: RebuiltTick) -> None:
    if tick.observation is None or not tick.usable:
        return
    for name, array in tick.observation.arrays.items():
        arrays[f'obs_{name}'][row] = array
    arrays['ages'][row] = tick.observation.ages
    arrays['observed'][row] = tick.record.valid


def save_arrays(path: Path | str, arrays: dict[str, np.ndarray]) -> None:
    """Write them as an .npz; never pickles."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise EpisodeError(f'{name}: arrays of Python objects are not stored')
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes **kwds for a flag


def load_arrays(path: Path | str) -> dict[str, np.ndarray]:
    """Read what save_arrays wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    if int(arrays.get('format', np.array(0))) != ARRAYS_FORMAT:
        raise EpisodeError(
            f'{path}: array format {arrays.get("format")}, expected {ARRAYS_FORMAT}'
        )
    return arrays
