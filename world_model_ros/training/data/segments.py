# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What of a recording can be learned from: pieces of life, cut where a transition is unknown.

Owns the way from an episode's arrays (experience.to_arrays) to replay ticks, and whether an
episode can serve a contract at all. Must not import torch, ROS or a simulator.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.contract import Contract, interface_diff
from world_model_ros.experience import EpisodeReader
from world_model_ros.experience.read.describe import imagined_words
from world_model_ros.training.data.replay import tick_spec

Rows = dict[str, np.ndarray]
MIN_PIECE_TICKS = 2  # one transition
# SI units; no sensor or reward of a robot is beyond. One such number spoils an update, and every
# one after it.
LARGEST = 1e6
IMAGINED = 'imagined'  # how the reason begins why such an episode is refused
SHOWN = 3  # differences that an error lists


class Unserviceable(ValueError):
    """An episode that cannot serve this contract; the text says why."""


def check_serves(reader: EpisodeReader, contract: Contract) -> None:
    """Compare what was recorded with what the contract needs.

    Raises:
        Unserviceable: it was imagined, a stream is missing, or the actions or the period are
            others.
    """
    if reader.imagined:
        raise Unserviceable(
            f'{IMAGINED}: {imagined_words(reader.imagined)}; what a model imagined did not '
            'happen, and nothing is learned from it'
        )
    own = reader.contract
    recorded = [s.name for s in own.streams]
    for stream in contract.streams:
        if stream.name not in recorded:
            raise Unserviceable(
                f'stream {stream.name!r} ({stream.topic}) is missing: recorded were '
                f'{", ".join(recorded)}'
            )
    if set(own.action.names) != set(contract.action.names):
        raise Unserviceable(
            f'its actions are {", ".join(own.action.names)}, the contract has '
            f'{", ".join(contract.action.names)}'
        )
    kinds = dict(zip(own.action.names, own.action.kinds, strict=True))
    for name, kind in zip(contract.action.names, contract.action.kinds, strict=True):
        if kinds[name] != kind:
            raise Unserviceable(
                f'its action {name!r} is of kind {kinds[name]}, the contract has {kind}'
            )
    if own.period_ns != contract.period_ns:
        raise Unserviceable(
            f'its period is {own.period_s} s, the contract has {contract.period_s} s'
        )


def learnable(arrays: Rows, reader: EpisodeReader, contract: Contract) -> Rows:
    """Return replay ticks [T, ...]; every piece begins with ``is_first`` and an unknown reward.

    Beside them ``t_ns`` of each, which says whose life it was.

    Ticks that nobody observed are left out; what lies on their two sides, or on the two sides of
    missing ticks, are pieces of their own: no transition is learned that was not recorded.

    Raises:
        Unserviceable: nothing is left, or a number is none that a robot could have measured.
    """
    order = [reader.contract.action.names.index(name) for name in contract.action.names]
    action = arrays['action_sent'][:, order]
    seen = arrays['observed'].copy()
    for stream in contract.vector_streams:
        seen &= np.isfinite(arrays[f'obs_{stream.name}']).all(-1)
    seen &= np.isfinite(arrays['ages']).all(-1)
    before = np.concatenate([[False], seen[:-1]])
    cut = arrays['is_first'] | arrays['gap'] | ~before | ~np.isfinite(action).all(-1)
    piece = np.cumsum(cut)  # every tick's piece, unseen ticks included
    sizes = np.bincount(piece[seen], minlength=piece[-1] + 1)
    keep = seen & (sizes[piece] >= MIN_PIECE_TICKS)
    if not keep.any():
        raise Unserviceable(_nothing_left(arrays, reader, contract))
    rows = {key: arrays[key][keep] for key in tick_spec(contract) if key != 'action_sent'}
    rows['action_sent'] = np.nan_to_num(action[keep])
    rows['is_first'] = cut[keep]
    rows['reward'] = np.where(cut[keep], np.nan, rows['reward']).astype(np.float32)
    rows['t_ns'] = arrays['t_ns'][keep]
    for key in (*(f'obs_{s.name}' for s in contract.vector_streams), 'action_sent', 'reward'):
        largest = np.abs(np.nan_to_num(rows[key], nan=0.0, posinf=np.inf, neginf=-np.inf))
        if largest.max(initial=0.0) > LARGEST:
            raise Unserviceable(
                f'{key} has a value of {largest.max():g}, beyond {LARGEST:g}: no robot measures it'
            )
    return rows


def split(rows: Rows, longest: int | None = None) -> list[Rows]:
    """Return the pieces of ``learnable`` rows one by one, none longer than ``longest`` ticks."""
    starts = np.flatnonzero(rows['is_first']).tolist()
    pieces = []
    for start, end in zip(starts, [*starts[1:], len(rows['is_first'])], strict=True):
        for at in range(start, end, longest or max(1, end - start)):
            pieces.append({k: v[at : min(end, at + (longest or end))] for k, v in rows.items()})
    return [p for p in pieces if len(p['reward']) >= MIN_PIECE_TICKS]


def _nothing_left(arrays: Rows, reader: EpisodeReader, contract: Contract) -> str:
    count = len(arrays['observed'])
    text = f'none of its {count} ticks could be rebuilt for this contract'
    if arrays['observed'].any():
        text = f'no two neighbours among its {count} ticks were observed'
    differences = interface_diff(reader.contract, contract)
    if differences:
        text += '; recorded under another interface: ' + '; '.join(differences[:SHOWN])
    return text
