# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How well a model predicts recordings: open-loop error, calibration of reward and value.

Written over the models' protocol. Beliefs are filtered from the recording up to a tick, then
rolled on under the recorded actions alone; what is predicted is compared with what came. Same
episodes, same start ticks, no random numbers: two models differ by their weights only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from world_model_ros.contract import Contract, Stream
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.families.device import as_array, tensor_on
from world_model_ros.families.protocol import Decodes, WorldModel
from world_model_ros.training.data.segments import Rows, split

HORIZONS = (1, 5, 15)  # ticks predicted
CONTEXT_TICKS = 5  # filtered before anything is predicted
STARTS = 192  # at most, spread evenly over all pieces
LONGEST_PIECE = 500  # ticks filtered in one row; longer lives are cut
MOST_TICKS = 4_096  # filtered at once, in all rows: 50 MB of 64 x 64 pictures
SURPRISE_TICKS = 5  # single ticks surprise now and then
LEAST_MEANS = 200  # of held-out ticks, before any surprise is called out of the ordinary
# Out of the ordinary is so many times what all but a hundredth of the held-out ticks have.
SURPRISE_SHARE, SURPRISE_MARGIN = 0.99, 2.0
MIN_SPREAD = 1e-3  # of a joint that hardly moves, SI units

Figures = dict[str, float]
Roll = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # belief before, action, belief after


@dataclass(frozen=True)
class Piece:
    """A piece of a recording and the beliefs that a model had in it."""

    rows: Rows  # T ticks
    beliefs: torch.Tensor  # [T, D], where the model is
    surprise: torch.Tensor  # [T], nats


@torch.no_grad()
def believe(model: WorldModel, episodes: list[Rows]) -> list[Piece]:
    """Filter every piece of the episodes, those of about the same length side by side."""
    pieces = [piece for rows in episodes for piece in split(rows, LONGEST_PIECE)]
    beliefs: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    for group in _groups([len(piece['reward']) for piece in pieces]):
        found = _filtered(model, [pieces[i] for i in group])
        beliefs |= dict(zip(group, found, strict=True))
    return [Piece(piece, *beliefs[i]) for i, piece in enumerate(pieces)]


def _groups(sizes: list[int]) -> list[list[int]]:
    """Return which pieces are filtered together: shortest first, MOST_TICKS with the padding."""
    groups: list[list[int]] = []
    for i in sorted(range(len(sizes)), key=sizes.__getitem__):
        if not groups or (len(groups[-1]) + 1) * sizes[i] > MOST_TICKS:
            groups.append([])
        groups[-1].append(i)
    return groups


def _filtered(model: WorldModel, pieces: list[Rows]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return beliefs [T, D] and surprise [T] in each piece; all are padded to the longest."""
    sizes = [len(piece['reward']) for piece in pieces]
    belief = model.initial(len(pieces))
    rows = {
        key: tensor_on(belief.device, _padded([piece[key] for piece in pieces], max(sizes)))
        for key in pieces[0]
        if key not in ('reward', 'terminal', 'is_first')
    }
    beliefs, surprises = [], []
    streams = [key[4:] for key in rows if key.startswith('obs_')]
    for t in range(max(sizes)):
        seen = {name: rows[f'obs_{name}'][:, t] for name in streams}
        first = torch.full((len(pieces), 1), float(t == 0), device=belief.device)
        sent, ages = rows['action_sent'][:, t], rows['ages'][:, t]
        belief, surprise = model.observe(belief, sent, seen, ages, first)
        beliefs.append(belief)
        surprises.append(surprise)
    stacked, nats = torch.stack(beliefs, 1), torch.stack(surprises, 1)  # [P, T, D], [P, T]
    return [(stacked[i, :size], nats[i, :size]) for i, size in enumerate(sizes)]


def surprise_limit(pieces: list[Piece]) -> float:
    """Return the mean surprise of SURPRISE_TICKS ticks that is out of the ordinary, in nats.

    NaN where there are too few ticks to tell. The first tick of a piece has no prediction.
    """
    means = [
        piece.surprise[1:].unfold(0, SURPRISE_TICKS, 1).mean(-1)
        for piece in pieces
        if len(piece.surprise) > SURPRISE_TICKS
    ]
    found = as_array(torch.cat(means)) if means else np.zeros(0)
    if len(found) < LEAST_MEANS:
        return math.nan
    return SURPRISE_MARGIN * float(np.quantile(found, SURPRISE_SHARE))


@torch.no_grad()
def open_loop_figures(
    model: WorldModel, contract: Contract, pieces: list[Piece], reward_unit: float
) -> Figures:
    """Return errors at each horizon, and those of copying what was seen last.

    ``joints_H``: RMS error in units of the joint's own spread; ``picture_H``: mean square error of
    pixels in 0..1; ``reward_H``: mean absolute error in units of the reward's spread, at least
    ``reward_unit``; ``last_joints_H`` and so on: of the last observation. Empty where no piece is
    long enough; of a model that does not decode the reward's alone.
    """
    places = starts_of(pieces, max(HORIZONS), STARTS)
    if not places:
        return {}
    spread = spreads(contract, pieces, reward_unit)
    out: Figures = {}
    for step, roll in enumerate(rolled(model, pieces, places, max(HORIZONS)), 1):
        if step in HORIZONS:
            own, copied = errors_ahead(model, contract, pieces, places, step, roll, spread)
            out |= {f'{k}_{step}': v for k, v in own.items()}
            out |= {f'last_{k}_{step}': v for k, v in copied.items()}
    return out


def errors_ahead(
    model: WorldModel,
    contract: Contract,
    pieces: list[Piece],
    places: list[tuple[int, int]],
    step: int,
    roll: Roll,
    spread: dict[str, np.ndarray],
) -> tuple[Figures, Figures]:
    """Return the errors ``step`` ticks after each place, of a model and of copying.

    ``joints``, ``picture`` and ``reward`` as in open_loop_figures; what is not known is left out.
    """
    before, sent, belief = roll
    drawn = model.decode(belief) if isinstance(model, Decodes) else {}
    predicted = {k: as_array(v) for k, v in drawn.items()}
    predicted['reward'] = as_array(model.outcomes(before, sent, belief)[0])
    last = {name: rows_at(pieces, places, name, 0) for name in _names(contract)}
    came = {name: rows_at(pieces, places, name, step) for name in _names(contract)}
    known = np.isfinite(last['reward']) & np.isfinite(came['reward'])
    own = _errors(contract, predicted, came, spread, known)
    return own, _errors(contract, last, came, spread, known)


def rolled(
    model: WorldModel, pieces: list[Piece], places: list[tuple[int, int]], steps: int
) -> Iterator[Roll]:
    """Yield belief before [S, D], recorded action [S, A] and belief after, tick by tick.

    Args:
        model: that predicts; gradients are the caller's to switch off.
        pieces: recordings and the beliefs in them.
        places: piece and tick that each prediction begins from, with ``steps`` ticks after it.
        steps: ticks predicted, without looking.
    """
    belief = torch.stack([pieces[p].beliefs[s] for p, s in places])  # [S, D]
    for step in range(1, steps + 1):
        action = np.stack([pieces[p].rows['action_sent'][s + step] for p, s in places])
        before, sent = belief, tensor_on(belief.device, action)
        belief = model.imagine(before, sent)
        yield before, sent, belief


@torch.no_grad()
def calibration_figures(
    model: WorldModel, pieces: list[Piece], discount: float, return_scale: float
) -> Figures:
    """Return error and bias of reward and value on the recorded ticks; empty without rewards.

    In units of the recorded spread, at least those of ``return_scale``: a recording in which
    nothing was earned has none. A recorded return is bootstrapped by the model's own
    value where the record ends without a terminal, or where a reward is missing.
    """
    predicted_r, came_r, predicted_v, came_v = [], [], [], []
    for piece in pieces:
        reward = piece.rows['reward']
        value = as_array(model.value(piece.beliefs))
        known = np.isfinite(reward)
        before = torch.cat([model.initial(1), piece.beliefs[:-1]])
        sent = tensor_on(before.device, piece.rows['action_sent'])
        predicted_r.append(as_array(model.outcomes(before, sent, piece.beliefs)[0])[known])
        came_r.append(reward[known])
        returns = discounted(reward, piece.rows['terminal'], value, discount)
        predicted_v.append(value[:-1][known[1:]])
        came_v.append(returns[:-1][known[1:]])
    rewards, returns = np.concatenate(came_r), np.concatenate(came_v)
    if not len(rewards):
        return {}
    predicted, worth = np.concatenate(predicted_r), np.concatenate(predicted_v)
    unit = max(float(np.std(rewards)), (1.0 - discount) * return_scale)
    return_unit = max(float(np.std(returns)), return_scale)
    return {
        'reward_error': float(np.mean(np.abs(predicted - rewards))) / unit,
        'reward_bias': float(np.mean(predicted - rewards)) / unit,
        'value_error': float(np.mean(np.abs(worth - returns))) / return_unit,
        'value_bias': float(np.mean(worth - returns)) / return_unit,
        'recorded_reward': float(np.mean(rewards)),
        'recorded_return': float(np.mean(returns)),
        'told_value': float(np.mean(worth)),
    }


def discounted(
    reward: np.ndarray, terminal: np.ndarray, value: np.ndarray, discount: float
) -> np.ndarray:
    """Return the discounted return that followed each tick [T].

    ``reward[t]`` was earned on the way to tick t. Bootstrapped with ``value`` at the last tick
    (unless terminal) and where the next reward is unknown.
    """
    returns = np.where(terminal, 0.0, value).astype(np.float64)
    for t in range(len(reward) - 2, -1, -1):
        if not terminal[t] and np.isfinite(reward[t + 1]):
            returns[t] = reward[t + 1] + discount * returns[t + 1]
    return returns


def starts_of(pieces: list[Piece], ahead: int, most: int) -> list[tuple[int, int]]:
    """Return piece and tick from which ``ahead`` ticks are predicted, the same for every model.

    All that there are, or about ``most`` of them, spread evenly over all pieces.
    """
    everywhere = [
        (p, s)
        for p, piece in enumerate(pieces)
        for s in range(CONTEXT_TICKS - 1, len(piece.beliefs) - ahead)
    ]
    step = max(1, math.ceil(len(everywhere) / most))
    return everywhere[::step]


def _names(contract: Contract) -> list[str]:
    return [*(s.name for s in contract.streams), 'reward']


def rows_at(
    pieces: list[Piece], places: list[tuple[int, int]], name: str, ahead: int
) -> np.ndarray:
    """Return what was recorded of a stream, or the reward, ``ahead`` ticks after each place."""
    key = name if name == 'reward' else f'obs_{name}'
    return np.stack([pieces[p].rows[key][s + ahead] for p, s in places])


def spreads(contract: Contract, pieces: list[Piece], reward_unit: float) -> dict[str, np.ndarray]:
    """Return the standard deviation of each number of a vector, and of the reward."""
    out = {}
    for stream in contract.vector_streams:
        rows = np.concatenate([piece.rows[f'obs_{stream.name}'] for piece in pieces])
        out[stream.name] = np.maximum(rows.std(0), MIN_SPREAD)
        turning = stream_kind(stream.kind).turning(stream)
        out[stream.name][turning] = 1.0  # rad: an angle that wraps has no spread
    rewards = np.concatenate([piece.rows['reward'] for piece in pieces])
    known = rewards[np.isfinite(rewards)]
    out['reward'] = np.maximum(known.std() if len(known) else 0.0, reward_unit)
    return out


def _errors(
    contract: Contract,
    predicted: dict[str, np.ndarray],
    came: dict[str, np.ndarray],
    spread: dict[str, np.ndarray],
    known: np.ndarray,
) -> Figures:
    """Return the errors; those of the reward where it is ``known`` [S]."""
    out: Figures = {}
    joints, pictures = [], []
    for stream in contract.streams:
        if stream.name not in predicted:
            continue
        squares = squared(stream, predicted[stream.name], came[stream.name], spread)
        if stream_kind(stream.kind).form == 'picture':
            pictures.append(float(squares.mean()))
            continue
        joints.append(squares)
    if joints:
        out['joints'] = float(np.sqrt(np.concatenate(joints, -1).mean()))
    if pictures:
        out['picture'] = float(np.mean(pictures))
    if known.any():
        error = np.abs(predicted['reward'] - came['reward'])[known]
        out['reward'] = float(error.mean() / spread['reward'])
    return out


def squared(
    stream: Stream, predicted: np.ndarray, came: np.ndarray, spread: dict[str, np.ndarray]
) -> np.ndarray:
    """Return squared errors [S, *shape]: of pixels in 0..1, of numbers in their spread."""
    kind = stream_kind(stream.kind)
    difference = kind.difference(stream, predicted, came)
    picture = kind.form == 'picture'
    return np.square(difference / (255.0 if picture else spread[stream.name]))


def _padded(parts: list[np.ndarray], length: int) -> np.ndarray:
    """Return [P, length, ...], the last tick of each repeated."""
    out = np.empty((len(parts), length, *parts[0].shape[1:]), parts[0].dtype)
    for i, part in enumerate(parts):
        out[i, : len(part)] = part
        out[i, len(part) :] = part[-1]
    return out
