# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds what happened to a robot: the shift under which a frozen world model is surprised least.

The joints, the rail, the table tell the model what it should see, and what it sees what a command
did. Gradients reach a turn of some 0.3 rad, so several turns are tried first, each with motors as
weak as fits it. Owns the order of the search and its words; the measure is shift_search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from world_model_ros.families.dreamer.camera import CameraShift
from world_model_ros.families.dreamer.motors import MotorGains
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.dreamer.shift_search import Guess, SearchConfig, ShiftSearch, Windows
from world_model_ros.families.protocol import Draw

TURNS = (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0, math.pi / 2, -math.pi / 2, math.pi)
NOT_UNDERSTOOD = (
    'what the camera shows is neither what the weights know nor a turned, tilted, zoomed or '
    'tinted view of it: its pictures are learned again from scratch'
)


@dataclass(frozen=True)
class FitConfig:
    """Sizes of the search."""

    turns: tuple[float, ...] = TURNS  # rad, tried for each camera
    try_steps: int = 25  # of each
    tries: Windows = field(default_factory=lambda: Windows(16, 8))
    steps: int = 200  # of the best one
    best: Windows = field(default_factory=lambda: Windows(24, 20))
    motor_steps: int = 100
    least_gain: float = 0.3  # of the error: less is no shift of a camera
    least_motor: float = 0.1  # of a command: less is no shift of a motor
    search: SearchConfig = field(default_factory=SearchConfig)


def find_shifts(
    model: Dreamer, draw: Draw, config: FitConfig, say: Callable[..., None]
) -> Generator[str, None, tuple[Guess, bool]]:
    """Find what happened to cameras and motors; yields after each step.

    Returns what changed, and whether all pictures are explained now: painted better than by their
    own mean. A camera that sees something else altogether is not, and is left as it was; so are
    the motors then.
    """
    search = ShiftSearch(model, draw, config.search)
    found: dict[str, CameraShift] = {}
    understood = True
    for name in model.pictures:
        understood = (yield from _find_camera(search, name, config, found, say)) and understood
    motors = search.motors()
    if understood and motors.known:
        motors = yield from _find_motors(search, config, found, say)
    return Guess(motors.requires_grad_(False), found), understood


def _find_camera(
    search: ShiftSearch,
    name: str,
    config: FitConfig,
    found: dict[str, CameraShift],
    say: Callable[..., None],
) -> Generator[str, None, bool]:
    """Put the shift of one camera into ``found`` if it changed; return if it is explained."""
    unmoved = search.camera().requires_grad_(False)
    none = Guess(search.motors(), {**found, name: unmoved})
    # What motors alone explain is no shift of a camera.
    yield from _descend(
        search, none, config.try_steps, config.tries, 'estimating the camera shift'
    )
    best, least = none, math.inf
    for turn in config.turns:
        guess = Guess(search.motors(), {**found, name: search.camera(turn)})
        yield from _descend(
            search, guess, config.try_steps, config.tries, 'estimating the camera shift'
        )
        [error] = search.errors([guess], config.tries)
        if error < least:
            best, least = guess, error
    yield from _descend(search, best, config.steps, config.best, 'estimating the camera shift')
    before, after = search.errors([none, best], config.tries)
    gained = after < (1.0 - config.least_gain) * before
    explained = search.explained(best if gained else none, name, config.tries)
    fields = {'camera': name, 'explained': round(explained, 3)}
    fields |= {'error_before': round(before, 2), 'error_after': round(after, 2)}
    if not explained > 0.0:
        say('camera_not_understood', **fields, reason=NOT_UNDERSTOOD)
        return False
    if gained:
        found[name] = best.cameras[name].requires_grad_(False)
        say('camera_shifted', **fields, **described(found[name]))
    else:
        say('camera_unchanged', **fields)
    return True


def _find_motors(
    search: ShiftSearch,
    config: FitConfig,
    found: dict[str, CameraShift],
    say: Callable[..., None],
) -> Generator[str, None, MotorGains]:
    """Return the gains behind the cameras that were ``found``; all 1 where hardly any changed."""
    as_they_were = search.motors()
    guess = Guess(search.motors(), found)
    yield from _descend(search, guess, config.motor_steps, config.best, 'finding the motors')
    before, after = search.errors([Guess(as_they_were, found), guess], config.best)
    gains = guess.motors.gains().tolist()
    fields: dict[str, Any] = {
        'gains': {name: round(g, 3) for name, g in zip(guess.motors.names, gains, strict=True)},
        'error_before': round(before, 2),
        'error_after': round(after, 2),
    }
    changed = max(abs(g - 1.0) for g in gains) > config.least_motor and after < before
    say('motors_shifted' if changed else 'motors_unchanged', **fields)
    return guess.motors if changed else as_they_were


def described(shift: CameraShift) -> dict[str, Any]:
    """Return what happened in words a person can check with their own eyes."""
    turn, zoom, x, y, _, _ = (float(v) for v in shift.geometry.detach())
    return {
        'turned_rad': round(turn, 3),
        'zoom': round(math.exp(zoom), 3),
        'moved': [round(x / 2, 3), round(y / 2, 3)],  # shares of a picture
        'brightness': round(1.0 + float(shift.colour[:, :3].sum(1).mean()), 3),
    }


def _descend(
    search: ShiftSearch, guess: Guess, steps: int, size: Windows, doing: str
) -> Generator[str, None, None]:
    for _ in search.descend(guess, steps, size):
        yield doing
