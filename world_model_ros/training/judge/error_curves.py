# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Open-loop error over time: of a model, and of baselines that know no model.

Owns the baselines and which error is measured; beliefs, the roll and the squared error are those
of open_loop.py. Same starts for every variant. Must not import ROS or a simulator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from world_model_ros.contract import Contract, Stream
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.families.device import as_array
from world_model_ros.families.protocol import DecodingWorldModel
from world_model_ros.training.data.segments import Rows
from world_model_ros.training.judge.open_loop import (
    Piece,
    believe,
    rolled,
    rows_at,
    spreads,
    squared,
)

# In place of the model: the last frame again; the last change of each position, again and again;
# what followed the most similar moment of other recordings.
BASELINES = ('copy', 'velocity', 'neighbour')
GRID = 8  # of a picture in a moment: the mean colour of so many squares in each direction
BLOCK = 32  # predictions decoded at once: 3 MB of 64 x 64 pictures as floats

Curves = dict[str, dict[str, np.ndarray]]  # part -> variant -> [E, H] mean squared errors


@dataclass(frozen=True)
class Part:
    """What an error is measured of: a stream, or the positions of its joints."""

    name: str
    stream: Stream
    places: tuple[int, ...] = ()  # of a vector's numbers; empty: all of it

    @property
    def picture(self) -> bool:
        """Return whether it is one."""
        return stream_kind(self.stream.kind).form == 'picture'

    def of(self, squares: np.ndarray) -> np.ndarray:
        """Return the mean squared error [S] of squares [S, *shape]."""
        picked = squares[:, list(self.places)] if self.places else squares
        return picked.reshape(len(picked), -1).mean(-1)


def parts_of(contract: Contract) -> list[Part]:
    """Return what a contract's streams are measured by; of joints with velocities both."""
    parts = []
    for stream in contract.streams:
        parts.append(Part(stream.name, stream))
        places = _positions(stream)
        if places and len(places) < stream.shape[0]:
            parts.append(Part(f'{stream.name}.position', stream, places))
    return parts


@torch.no_grad()
def error_curves(
    model: DecodingWorldModel,
    contract: Contract,
    episodes: list[Rows],
    others: list[Rows],
    steps: int,
    starts: range,
) -> Curves:
    """Return the mean squared error per episode and tick ahead, [E, steps], of every variant.

    A constant velocity is one of joints: of pictures there is no such curve.

    Args:
        model: filters an episode up to a start, then predicts under the recorded actions alone.
        contract: of the robot.
        episodes: pieces of at least the last start + ``steps`` + 1 ticks, one row each.
        others: recordings in which neighbours are looked for, of the same length.
        steps: ticks ahead.
        starts: ticks of an episode from which is predicted, the first at least 1.
    """
    pieces = believe(model, episodes)
    if len(pieces) != len(episodes):
        raise ValueError('an episode is not one piece: it holds a beginning, or is too long')
    places = [(p, s) for p in range(len(pieces)) for s in starts]
    spread = spreads(contract, pieces, 1.0)
    parts = parts_of(contract)
    names = {
        part.name: [v for v in ('model', *BASELINES) if v != 'velocity' or not part.picture]
        for part in parts
    }
    shape = (len(pieces), len(starts), steps)
    found = {name: {v: np.empty(shape) for v in kinds} for name, kinds in names.items()}
    near = _neighbours(contract, pieces, places, others, spread, steps)
    streams = contract.streams
    now = {s.name: rows_at(pieces, places, s.name, 0) for s in streams}
    before = {s.name: rows_at(pieces, places, s.name, -1) for s in streams}
    for step, (_, _, belief) in enumerate(rolled(model, pieces, places, steps), 1):
        predicted = _decoded(model, belief)
        for stream in streams:
            key, came = f'obs_{stream.name}', rows_at(pieces, places, stream.name, step)
            guesses = {
                'model': predicted[stream.name],
                'copy': now[stream.name],
                'neighbour': np.stack([others[p][key][s + step] for p, s in near]),
            }
            if stream_kind(stream.kind).form != 'picture':
                guesses['velocity'] = _onwards(stream, before[stream.name], now[stream.name], step)
            for variant, guess in guesses.items():
                squares = squared(stream, guess, came, spread)
                for part in parts:
                    if part.stream is stream:
                        errors = part.of(squares).reshape(shape[:2])
                        found[part.name][variant][:, :, step - 1] = errors
    return {n: {v: e.mean(1) for v, e in kinds.items()} for n, kinds in found.items()}


def _decoded(model: DecodingWorldModel, belief: torch.Tensor) -> dict[str, np.ndarray]:
    drawn = [model.decode(rows) for rows in belief.split(BLOCK)]
    return {name: np.concatenate([as_array(d[name]) for d in drawn]) for name in drawn[0]}


def _positions(stream: Stream) -> tuple[int, ...]:
    """Return which numbers of a stream are positions of joints."""
    found = stream_kind(stream.kind).positions(stream, np.arange(int(np.prod(stream.shape))))
    return tuple(int(place) for place in found.values())


def _onwards(stream: Stream, before: np.ndarray, now: np.ndarray, step: int) -> np.ndarray:
    """Return where positions are after so many more changes like the last one; others stay."""
    change = stream_kind(stream.kind).difference(stream, now, before)
    positions = list(_positions(stream)) or list(range(now.shape[-1]))
    out: np.ndarray = now.astype(np.float64)
    out[:, positions] += step * change[:, positions]
    return out


def _neighbours(
    contract: Contract,
    pieces: list[Piece],
    places: list[tuple[int, int]],
    others: list[Rows],
    spread: dict[str, np.ndarray],
    steps: int,
) -> list[tuple[int, int]]:
    """Return for each place the most similar moment in other recordings.

    Similar is what was seen, now and one tick before; what was done afterwards does not count.
    """
    held = [(p, s) for p, rows in enumerate(others) for s in range(1, len(rows['reward']) - steps)]
    if not held:
        raise ValueError(f'no other recording has {steps + 2} ticks')
    wanted = _moments(contract, [piece.rows for piece in pieces], places, spread)
    known = _moments(contract, others, held, spread)
    # |a - b|^2 = |a|^2 - 2ab + |b|^2, without the part that is the same for all b.
    scores = np.square(known).sum(-1) - 2.0 * wanted @ known.T  # [S, N]
    return [held[i] for i in scores.argmin(-1)]


def _moments(
    contract: Contract,
    rows: list[Rows],
    places: list[tuple[int, int]],
    spread: dict[str, np.ndarray],
) -> np.ndarray:
    """Return moments [S, F]; each stream weighs the same."""
    columns = []
    for stream in contract.streams:
        ticks = [_seen(stream, each[f'obs_{stream.name}'], spread) for each in rows]
        own = np.stack([np.concatenate([ticks[p][s - 1], ticks[p][s]]) for p, s in places])
        columns.append(own / np.sqrt(own.shape[-1]))
    return np.concatenate(columns, -1)


def _seen(stream: Stream, array: np.ndarray, spread: dict[str, np.ndarray]) -> np.ndarray:
    """Return a stream's ticks [T, *shape] as numbers [T, F] that can be compared."""
    kind = stream_kind(stream.kind)
    if kind.form == 'picture':
        height, width = (size // GRID * GRID for size in array.shape[1:3])
        cut = array[:, :height, :width].astype(np.float32) / 255.0
        squares = cut.reshape(len(cut), GRID, height // GRID, GRID, width // GRID, -1)
        return squares.mean((2, 4)).reshape(len(cut), -1)
    turning = kind.turning(stream)
    straight = [i for i in range(array.shape[-1]) if i not in turning]
    angles = array[:, turning]
    return np.concatenate(
        [array[:, straight] / spread[stream.name][straight], np.sin(angles), np.cos(angles)], -1
    )
