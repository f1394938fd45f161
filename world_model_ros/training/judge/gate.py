# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The gate before publishing: what is not finite, or predicts held-out episodes worse, stays here.

Owns the verdict and its margins; the figures are open_loop.py's. A candidate is compared with the
acting release on the same held-out episodes; with nothing acting it must predict better than
copying what was seen last. Where imagined returns can be trusted (imagined_returns.py), they may
refuse it, too. Returns on the robot judge afterwards.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from world_model_ros.contract import Contract
from world_model_ros.families.protocol import WorldModel
from world_model_ros.training.data.segments import Rows
from world_model_ros.training.judge.imagined_returns import (
    ImaginedConfig,
    Side,
    judge_by_imagination,
)
from world_model_ros.training.judge.open_loop import (
    HORIZONS,
    Figures,
    believe,
    calibration_figures,
    open_loop_figures,
    surprise_limit,
)
from world_model_ros.training.judge.useful_horizon import horizon_figures

PARTS = ('joints', 'picture', 'reward')
# Added to both sides of a ratio: below these, differences are noise of the last updates. In the
# units of open_loop.py.
FLOORS = {'joints': 0.05, 'picture': 5e-4, 'reward': 0.25}
LINE = (
    *('ratio_1', 'ratio_5', 'ratio_15', 'ratio_reward', 'ratio_value', 'joints_15'),
    *('horizon_joints_s', 'horizon_picture_s'),
)


@dataclass(frozen=True)
class GateConfig:
    """Margins as factors on the acting release's error."""

    episodes: int = 8  # the newest held-out ones
    open_loop: float = 1.1  # per horizon, all parts together
    part: float = 1.5  # of any one part, so that none is given up for another
    calibration: float = 1.25  # of reward and value
    calibration_floor: float = 0.25  # in recorded spreads, added to both sides
    blind: float = 5.0  # error of every picture over copying's, from which a release sees nothing
    copying: float = 1.0  # of a first release: error over that of copying, at most
    imagined: ImaginedConfig = field(default_factory=ImaginedConfig)


@dataclass(frozen=True)
class Verdict:
    """What the gate said, and why."""

    passed: bool
    reasons: tuple[str, ...]
    figures: dict[str, float | None]
    updates: int
    episodes: int  # held-out ones it was judged on
    against: str  # bundle of the acting release, or 'copy-last'
    imagined: str = ''  # whether imagined returns were used, or why not
    at: str = field(
        default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec='seconds')
    )

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**self.__dict__, 'reasons': list(self.reasons)}

    def line(self) -> str:
        """Return it as one line for people."""
        shown = ', '.join(
            f'{key} {value:.3g}'
            for key, value in self.figures.items()
            if value is not None and key in LINE
        )
        said = 'passed' if self.passed else 'refused: ' + '; '.join(self.reasons)
        line = f'gate at {self.updates} updates against {self.against}: {said} ({shown})'
        return f'{line}; imagined returns {self.imagined}' if self.imagined else line


def judge(
    candidate: WorldModel,
    acting: WorldModel | None,
    contract: Contract,
    held_out: list[Rows],
    discount: float,
    return_scale: float,
    updates: int,
    config: GateConfig,
    against: str = '',
) -> Verdict:
    """Compare a candidate with what acts.

    Args:
        candidate: the model that would be published.
        acting: the model of the acting release; None if there is none.
        contract: of both.
        held_out: learnable rows of episodes that neither was trained on.
        discount: per tick, of the values.
        return_scale: the learner's spread of returns; what is far smaller is noise.
        updates: of the candidate, for the record.
        config: margins.
        against: name of the acting release, for the record.
    """
    against = (against or 'the acting release') if acting is not None else 'copy-last'

    def verdict(reasons: list[str], figures: Figures, imagined: str = '') -> Verdict:
        clean = {k: round(v, 6) if math.isfinite(v) else None for k, v in figures.items()}
        passed = not reasons
        return Verdict(passed, tuple(reasons), clean, updates, len(held_out), against, imagined)

    broken = not_finite(candidate)
    if broken:
        return verdict([f'not finite: {", ".join(broken[:3])}'], {})
    if not held_out:
        return verdict(['no held-out episode yet'], {})
    mine = _side(candidate, contract, held_out, discount, return_scale)
    ours = mine.figures
    bad = [name for name, value in ours.items() if not math.isfinite(value)]
    if bad:
        return verdict([f'not finite on held-out episodes: {", ".join(bad[:3])}'], ours)
    if not any(f'last_{part}_{HORIZONS[-1]}' in ours for part in PARTS):
        return verdict([f'no held-out piece of {HORIZONS[-1]} ticks and more'], ours)
    if acting is None:
        reasons = _against_copying(ours, config.copying)
        return verdict(reasons, ours, 'not used: there is no active release')
    other = _side(acting, contract, held_out, discount, return_scale)
    ratios, reasons = _against_acting(ours, other.figures, config)
    figures = ours | ratios | {f'acting_{k}': v for k, v in other.figures.items()}
    if reasons:
        return verdict(reasons, figures, 'not used: it is refused without them')
    world = mine if ratios[f'ratio_{HORIZONS[-1]}'] <= 1.0 else other
    judged = judge_by_imagination(mine, other, world, contract, config.imagined)
    reasons = [judged.refusal] if judged.refusal else []
    return verdict(reasons, figures | judged.figures, judged.text)


def not_finite(model: torch.nn.Module | WorldModel) -> list[str]:
    """Return the names of weights that are not finite."""
    state = model.state_dict() if isinstance(model, torch.nn.Module) else {}
    return [name for name, value in state.items() if not torch.isfinite(value).all()]


def append_verdict(path: Path, verdict: Verdict) -> None:
    """Add a verdict to gate.jsonl."""
    with path.open('a') as file:
        file.write(json.dumps(verdict.as_dict()) + '\n')


def _side(
    model: WorldModel,
    contract: Contract,
    held_out: list[Rows],
    discount: float,
    return_scale: float,
) -> Side:
    pieces = believe(model, held_out)
    if not pieces:
        return Side(model, pieces, {})
    unit = (1.0 - discount) * return_scale
    figures = open_loop_figures(model, contract, pieces, unit)
    limit = surprise_limit(pieces)
    if math.isfinite(limit):
        figures['surprise_limit'] = limit
    figures |= calibration_figures(model, pieces, discount, return_scale)
    return Side(model, pieces, figures | horizon_figures(model, contract, pieces, unit))


def _against_copying(ours: Figures, margin: float) -> list[str]:
    """Joints move and must be predicted; without joints any part will do.

    Most pixels never change: a picture that is copied is hard to beat even for a good model.
    """
    longest = HORIZONS[-1]
    parts = [p for p in PARTS if f'{p}_{longest}' in ours]
    parts = ['joints'] if 'joints' in parts else parts
    predicted = {p: (ours[f'{p}_{longest}'], ours[f'last_{p}_{longest}']) for p in parts}
    if any(own < margin * last for own, last in predicted.values()):
        return []
    each = ', '.join(f'{p} {own:.3g} against {last:.3g}' for p, (own, last) in predicted.items())
    return [f'predicts {longest} ticks no better than copying what was seen last: {each}']


def _against_acting(
    ours: Figures, theirs: Figures, config: GateConfig
) -> tuple[Figures, list[str]]:
    ratios: Figures = {}
    reasons = []
    # What sees nothing promises nothing, and where nothing is earned that is right: no bar.
    blind = _is_blind(theirs, config.blind) and not _is_blind(ours, config.blind)
    ratios['acting_is_blind'] = float(blind)
    for horizon in HORIZONS:
        each = {}
        for part in PARTS:
            key = f'{part}_{horizon}'
            if key in ours and key in theirs:
                each[part] = _ratio(ours[key], theirs[key], FLOORS[part])
        ratio = _geometric_mean(each.values())
        ratios[f'ratio_{horizon}'] = ratio
        if ratio > config.open_loop:
            reasons.append(
                f'{horizon}-step error {ratio:.2f} times the acting release, limit '
                f'{config.open_loop:g}'
            )
        for part, value in each.items():
            ratios[f'ratio_{part}_{horizon}'] = value
            if value > config.part and not (blind and part == 'reward'):
                reasons.append(
                    f'{horizon}-step error of {part} {value:.2f} times the acting release, limit '
                    f'{config.part:g}'
                )
    for name in ('reward', 'value'):
        key = f'{name}_error'
        if key in ours and key in theirs:
            value = _ratio(ours[key], theirs[key], config.calibration_floor)
            ratios[f'ratio_{name}'] = value
            if value > config.calibration and not blind:
                reasons.append(
                    f'{name} calibration {value:.2f} times the acting release, limit '
                    f'{config.calibration:g}'
                )
    return ratios, reasons


def _is_blind(figures: Figures, limit: float) -> bool:
    """Tell whether pictures are predicted far worse than by copying, as behind a turned camera."""
    key = f'picture_{HORIZONS[-1]}'
    return key in figures and figures[key] > limit * figures[f'last_{key}'] + FLOORS['picture']


def _ratio(own: float, other: float, floor: float) -> float:
    """Return how much worse; an acting release that is broken is no bar."""
    if not math.isfinite(other):
        return 0.0
    return (own + floor) / (other + floor)


def _geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(max(value, 1e-6)) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else 0.0
