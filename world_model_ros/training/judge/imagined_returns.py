# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a candidate and the active release earn inside of one of their models.

Owns the imagined episodes, when they can be trusted, and the verdict. Both policies act in the
same imagined world from the same held-out ticks; each filters with its own model what that world
draws. It can refuse a candidate or abstain, never let one pass. Must not import ROS or a
simulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from world_model_ros.contract import Contract
from world_model_ros.families.device import as_array, tensor_on
from world_model_ros.families.protocol import DecodingWorldModel, WorldModel
from world_model_ros.training.judge.open_loop import Figures, Piece, rolled, rows_at, starts_of

WINDOWS = 32  # at most, spread evenly over all pieces
MOST_TICKS = 250  # imagined, however fast the robot ticks
LEAST_PIECES = 3  # an interval over fewer says nothing
RESAMPLES, TAIL = 2_000, 2.5  # of the bootstrap over pieces; percent on each side
PARTS = ('joints', 'reward')  # the first that is known must be predicted for long enough

Places = list[tuple[int, int]]


@dataclass(frozen=True)
class ImaginedConfig:
    """When imagined returns are believed, and what is refused by them."""

    seconds: float = 2.0  # imagined from each start; 0: never used
    # Imagined minus recorded return under the recorded actions: its whole interval must lie within
    # this share of the recorded return.
    agreement: float = 0.1
    # A candidate is refused if its return is lower by this share of the active release's, with the
    # whole interval.
    worse: float = 0.1


@dataclass(frozen=True)
class Side:
    """A model, what it believes in the held-out pieces, and its figures there."""

    model: WorldModel
    pieces: list[Piece]
    figures: Figures


@dataclass(frozen=True)
class Judged:
    """What imagined returns say."""

    text: str  # that they are used, or why not
    figures: Figures = field(default_factory=dict)
    refusal: str = ''  # why the candidate is refused by them


def judge_by_imagination(
    candidate: Side, acting: Side, world: Side, contract: Contract, config: ImaginedConfig
) -> Judged:
    """Compare two policies inside of the model ``world``, which is one of theirs.

    Args:
        candidate: what would be published.
        acting: the active release, with beliefs in the same pieces.
        world: the one of them that predicts better.
        contract: of all.
        config: settings.
    """
    if config.seconds <= 0.0:
        return _unused('switched off')
    model = world.model
    if not isinstance(model, DecodingWorldModel):
        return _unused('this family cannot draw what it imagines')
    ticks = min(MOST_TICKS, max(1, round(config.seconds / contract.period_s)))
    if reason := _short_sighted(world.figures, ticks * contract.period_s):
        return _unused(reason)
    known = [
        (p, s)
        for p, s in starts_of(world.pieces, max(ticks, contract.offset_ticks), WINDOWS)
        if np.isfinite(_rewards(world.pieces[p], s, ticks)).all()
    ]
    owners = [p for p, _ in known]
    if len(set(owners)) < LEAST_PIECES:
        return _unused(
            f'{len(set(owners))} held-out pieces of this length have rewards, '
            f'{LEAST_PIECES} are needed'
        )
    recorded = np.array([_rewards(world.pieces[p], s, ticks).sum() for p, s in known])
    figures, reason = _agrees(model, world.pieces, known, ticks, recorded, config.agreement)
    if reason:
        return _unused(reason, figures)
    ours = policy_returns(model, world.pieces, candidate, known, ticks, contract)
    theirs = policy_returns(model, world.pieces, acting, known, ticks, contract)
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return _unused('what is imagined is not finite', figures)
    low, high = interval(ours - theirs, owners)
    figures |= {
        'imagined_return': float(ours.mean()),
        'acting_imagined_return': float(theirs.mean()),
        'imagined_difference_low': low,
        'imagined_difference_high': high,
    }
    whose = "the candidate's" if world is candidate else "the active release's"
    text = (
        f'used: {ours.mean():.3g} against {theirs.mean():.3g} in {ticks * contract.period_s:g} s '
        f'inside of {whose} model, difference [{low:.3g}, {high:.3g}]'
    )
    worst = -config.worse * abs(float(theirs.mean()))
    if high >= worst:
        return Judged(text, figures)
    return Judged(
        text,
        figures,
        f'imagined return {ours.mean():.3g} against {theirs.mean():.3g} of the active release, '
        f'difference [{low:.3g}, {high:.3g}], limit {worst:.3g}',
    )


@torch.no_grad()
def policy_returns(
    world: DecodingWorldModel,
    pieces: list[Piece],
    side: Side,
    places: Places,
    ticks: int,
    contract: Contract,
) -> np.ndarray:
    """Return what the policy of ``side`` earns [S] in the imagined world from each place.

    Decided as on the robot, one command offset ahead: what the recording had decided before the
    start is carried out first. Of the guard only the limits are kept, no rates.

    Args:
        world: the model that is the world.
        pieces: recordings and what that model believes in them.
        side: who acts; its pieces are of the same recordings.
        places: piece and tick of each start.
        ticks: imagined.
        contract: of the robot.
    """
    actor, offset = side.model, contract.offset_ticks
    belief = torch.stack([pieces[p].beliefs[s] for p, s in places])
    own = torch.stack([side.pieces[p].beliefs[s] for p, s in places])
    device = belief.device
    low, high = (tensor_on(device, end) for end in (contract.limit_low, contract.limit_high))
    pending = [
        tensor_on(device, np.stack([pieces[p].rows['action_sent'][s + k] for p, s in places]))
        for k in range(1, offset + 1)
    ]
    # Streams that a model does not draw stay as they were.
    seen = {
        stream.name: tensor_on(device, rows_at(pieces, places, stream.name, 0))
        for stream in contract.streams
    }
    ages = torch.zeros(len(places), len(contract.streams), device=device)
    first = torch.zeros(len(places), 1, device=device)
    total = torch.zeros(len(places), device=device)
    alive = torch.ones(len(places), device=device)
    for _ in range(ticks):
        ahead = own
        for action in pending:
            ahead = actor.imagine(ahead, action)
        decided = torch.minimum(torch.maximum(actor.policy(ahead)[0], low), high)
        action, *pending = [*pending, decided]
        before, belief = belief, world.imagine(belief, action)
        reward, goes_on = world.outcomes(before, action, belief)
        total, alive = total + alive * reward, alive * goes_on
        seen = {**seen, **world.decode(belief)}
        own, _ = actor.observe(own, action, seen, ages, first)
    return as_array(total)


def interval(values: np.ndarray, owners: Sequence[int]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean [S]; windows of one piece go together."""
    names, index = np.unique(np.asarray(owners), return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    picks = np.random.default_rng(0).integers(len(names), size=(RESAMPLES, len(names)))
    means = sums[picks].sum(1) / counts[picks].sum(1)
    low, high = np.percentile(means, [TAIL, 100.0 - TAIL])
    return float(low), float(high)


def _unused(reason: str, figures: Figures | None = None) -> Judged:
    return Judged(f'not used: {reason}', figures or {})


def _short_sighted(figures: Figures, seconds: float) -> str:
    """Say why a model does not predict for long enough; '' if it does."""
    part = next((p for p in PARTS if f'horizon_{p}_s' in figures), None)
    if part is None:
        return 'the held-out episodes are too short to tell for how long it predicts'
    horizon, predicted = figures[f'horizon_{part}_s'], figures['horizon_predicted_s']
    slack = 1e-6  # s: sums of periods
    if horizon >= seconds - slack:
        return ''
    if horizon >= predicted - slack:
        return f'held-out episodes check {predicted:.2g} s, {seconds:.2g} s would be imagined'
    return f'the useful horizon of {part} is {horizon:.2g} s, {seconds:.2g} s would be imagined'


def _rewards(piece: Piece, start: int, ticks: int) -> np.ndarray:
    """Return the rewards [ticks] that followed a tick."""
    return piece.rows['reward'][start + 1 : start + 1 + ticks].astype(np.float64)


@torch.no_grad()
def _agrees(
    model: WorldModel,
    pieces: list[Piece],
    places: Places,
    ticks: int,
    recorded: np.ndarray,
    share: float,
) -> tuple[Figures, str]:
    """Return figures of imagined returns under the recorded actions, and why they are wrong."""
    total: np.ndarray = np.zeros(len(places))
    alive: np.ndarray = np.ones(len(places))
    for before, sent, belief in rolled(model, pieces, places, ticks):
        reward, goes_on = model.outcomes(before, sent, belief)
        total, alive = total + alive * as_array(reward), alive * as_array(goes_on)
    if not np.isfinite(total).all():
        return {}, 'what is imagined is not finite'
    low, high = interval(total - recorded, [p for p, _ in places])
    mean, most = float(recorded.mean()), share * float(np.abs(recorded).mean())
    figures = {
        'imagined_recorded': mean,
        'imagined_error_low': low,
        'imagined_error_high': high,
    }
    if most <= 0.0:
        return figures, 'nothing was earned in the held-out episodes'
    if -most <= low and high <= most:
        return figures, ''
    return figures, (
        f'under the recorded actions it imagines {total.mean():.3g}, recorded were {mean:.3g}: '
        f'difference [{low:.3g}, {high:.3g}], limit ±{most:.3g}'
    )
