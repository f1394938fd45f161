# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds what happened to a camera: the shift under which a frozen world model is surprised least.

The joints, the rail, the table tell the model what it should see. Gradients reach a turn of some
0.3 rad, so several turns are tried first. Owns the search; the map is models/camera.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from world_model_ros.models.camera import CameraShift
from world_model_ros.models.dreamer import Dreamer
from world_model_ros.training.filtering import Batch, embed_windows, filter_windows

TURNS = (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0, math.pi / 2, -math.pi / 2, math.pi)
NOT_UNDERSTOOD = (
    'what the camera shows is neither what the weights know nor a turned, tilted, zoomed or '
    'tinted view of it: its pictures are learned anew'
)


@dataclass(frozen=True)
class FitConfig:
    """Sizes of the search."""

    turns: tuple[float, ...] = TURNS  # rad, tried for each camera
    try_steps: int = 25  # of each
    steps: int = 300  # of the best one
    batch: int = 16
    length: int = 8
    rate: float = 0.02
    ridge: float = 0.1  # keeps colours that were hardly seen where they were
    stiffness: float = 30.0  # keeps zoom and perspective small, which explain a turn half way
    least_seen: float = 0.3  # of a picture: what its error is divided by at least
    least_gain: float = 0.3  # of the error: less is no shift
    judged: int = 4  # batches that an error is the mean of


def find_shifts(
    model: Dreamer,
    draw: Callable[[int, int], Batch],
    config: FitConfig,
    found: dict[str, CameraShift],
    say: Callable[..., None],
) -> Generator[str, None, bool]:
    """Put into ``found`` the shift of each camera that changed; yields after each step.

    Returns whether all pictures are explained now: painted better than by their own mean. A
    camera that sees something else altogether is not, and is left as it was.
    """
    understood = True
    for name in model.pictures:
        before = _error(model, draw, config, found)
        best, least = CameraShift(), math.inf
        for turn in config.turns:
            shift = CameraShift(turn)
            yield from _descend(model, draw, config, {**found, name: shift}, config.try_steps)
            error = _error(model, draw, config, {**found, name: shift})
            if error < least:
                best, least = shift, error
        yield from _descend(model, draw, config, {**found, name: best}, config.steps)
        after = _error(model, draw, config, {**found, name: best})
        gained = after < (1.0 - config.least_gain) * before
        tried = {**found, name: best.requires_grad_(False)} if gained else found
        explained = _explained(model, draw, config, tried, name)
        fields = {'camera': name, 'explained': round(explained, 3)}
        fields |= {'error_before': round(before, 2), 'error_after': round(after, 2)}
        if not explained > 0.0:
            understood = False
            say('camera_not_understood', **fields, reason=NOT_UNDERSTOOD)
        elif gained:
            found[name] = best
            say('camera_shifted', **fields, **described(best))
        else:
            say('camera_unchanged', **fields)
    return understood


def described(shift: CameraShift) -> dict[str, Any]:
    """Return what happened in words a person can check with their own eyes."""
    turn, zoom, x, y, _, _ = (float(v) for v in shift.geometry.detach())
    return {
        'turned_rad': round(turn, 3),
        'zoom': round(math.exp(zoom), 3),
        'moved': [round(x / 2, 3), round(y / 2, 3)],  # shares of a picture
        'brightness': round(1.0 + float(shift.colour[:, :3].sum(1).mean()), 3),
    }


def as_floats(pictures: torch.Tensor) -> torch.Tensor:
    """Return [B, 3, h, w] in 0..1 of uint8 [B, h, w, 3]."""
    return pictures.permute(0, 3, 1, 2).float() / 255.0


def _descend(
    model: Dreamer,
    draw: Callable[[int, int], Batch],
    config: FitConfig,
    shifts: Mapping[str, CameraShift],
    steps: int,
) -> Iterator[str]:
    params = [p for shift in shifts.values() for p in shift.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(params, config.rate)
    means, late = [torch.zeros_like(p) for p in params], 0
    for step in range(steps):
        optimiser.param_groups[0]['lr'] = config.rate * min(1.0, 2.0 * (steps - step) / steps)
        loss = surprise(model, draw(config.batch, config.length), shifts, config.least_seen)
        loss = loss + sum(_unlikely(shift, config) for shift in shifts.values())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if 2 * step >= steps:  # every batch pulls elsewhere; the mean of the last half does not
            late += 1
            torch._foreach_lerp_(means, [p.detach() for p in params], 1.0 / late)
        yield 'finding the camera'
    for param, mean in zip(params, means, strict=True):
        param.data.copy_(mean)


def _unlikely(shift: CameraShift, config: FitConfig) -> torch.Tensor:
    stiff = shift.geometry[[1, 4, 5]].square().sum()  # zoom, perspective in x and y
    return config.ridge * shift.colour.square().sum() + config.stiffness * stiff


def surprise(
    model: Dreamer, batch: Batch, shifts: Mapping[str, CameraShift], least_seen: float
) -> torch.Tensor:
    """Return what a frozen model did not expect of recorded windows, given these shifts, [].

    The KL to its prior in nats of undone pictures, and the square error of what it paints in the
    colours of today against the straightened record (summed over a picture; what the camera no
    longer sees is left out). In undone colours the darkest shift would have the least error.
    """
    now = {name: as_floats(batch[f'obs_{name}'].flatten(0, 1)) for name in shifts}
    undone = {name: as_bytes(shifts[name].undo(p), 0.2) for name, p in now.items()}
    filtered = filter_windows(model, batch, embed_windows(model, batch, pictures=undone))
    to_prior, to_posterior = filtered.kl(free_nats=1.0)
    total = (to_prior + to_posterior) / 2
    beliefs = filtered.beliefs.flatten(0, 1)
    for name, picture in now.items():
        straight, seen = shifts[name].straighten(picture)
        painted = shifts[name].tint(model.decoders[name](beliefs))
        missed = ((painted - straight).square() * seen).sum((1, 2, 3)).mean()
        total = total + missed / seen.mean().clamp(min=least_seen)
    return total


def as_bytes(pictures: torch.Tensor, beyond: float = 0.0) -> torch.Tensor:
    """Return [B, h, w, 3] in 0..255, as encoders take it, of [B, 3, h, w] in 0..1.

    ``beyond`` leaves gradients to what lies so far outside.
    """
    return pictures.clamp(-beyond, 1.0 + beyond).permute(0, 2, 3, 1) * 255.0


@torch.no_grad()
def _error(
    model: Dreamer,
    draw: Callable[[int, int], Batch],
    config: FitConfig,
    shifts: Mapping[str, CameraShift],
) -> float:
    every = {name: shifts.get(name) or CameraShift() for name in model.pictures}
    drawn = [draw(config.batch, config.length) for _ in range(config.judged)]
    return sum(float(surprise(model, b, every, config.least_seen)) for b in drawn) / len(drawn)


@torch.no_grad()
def _explained(
    model: Dreamer,
    draw: Callable[[int, int], Batch],
    config: FitConfig,
    shifts: Mapping[str, CameraShift],
    name: str,
) -> float:
    """Return the share of a camera's variance that the model paints right; NaN if it is blank.

    Judged on the second half of windows twice as long: a belief of one picture is a guess.
    """
    batch = draw(config.judged * config.batch // 2, 2 * config.length)
    now = {n: as_floats(batch[f'obs_{n}'].flatten(0, 1)) for n in {*shifts, name}}
    undone = {n: as_bytes(shifts[n].undo(now[n])) for n in shifts}
    beliefs = filter_windows(model, batch, embed_windows(model, batch, pictures=undone)).beliefs
    shift = shifts.get(name) or CameraShift()
    late = torch.arange(2 * config.length).repeat(len(beliefs)) >= config.length
    straight, seen = shift.straighten(now[name][late])
    painted = shift.tint(model.decoders[name](beliefs.flatten(0, 1)[late]))
    missed = ((painted - straight).square() * seen).sum()
    varied = ((straight - straight.mean(0)).square() * seen).sum()
    return 1.0 - float(missed / varied) if varied > 0 else math.nan
