# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights from elsewhere meet another robot: find what changed, teach it to the nets it concerns.

First the shifts of cameras and motors are found under which the frozen model explains recorded
windows best (shift_fit). What motors became is folded into the weights. The encoder learns to give
for pictures as they are what it gave for pictures as they were (knowledge distillation, Hinton
2015), and the decoder to paint them as they are. All else stays, and so does what a latent means:
learned all at once, latents drift, and what policy and value knew is lost (latent alignment,
Yoneda 2022). Works on the weights it is given; owns no disk and no clock.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

import torch

from world_model_ros.families.device import moved
from world_model_ros.families.dreamer.camera import CameraShift
from world_model_ros.families.dreamer.filtering import embed_windows, filter_windows
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.dreamer.shift_fit import FitConfig, find_shifts
from world_model_ros.families.dreamer.shift_search import as_bytes, as_floats
from world_model_ros.families.protocol import Batch, Draw


@dataclass(frozen=True)
class AlignConfig:
    """How much of what; a step takes 0.1 to 0.3 s on one thread."""

    ticks: int = 2_000  # of the robot before it begins: fewer hold too few poses
    again_ticks: int = 4_000  # recorded with the aligned weights, and it is aligned once more
    fit: FitConfig = field(default_factory=FitConfig)
    retrain_steps: int = 1500  # fewer leave a belief noisier: a pole falls now and then
    pictures: int = 96  # recorded in each step, and as many as they were
    paint_every: int = 4  # steps
    batch: int = 24  # windows whose pictures are painted
    length: int = 20
    decode_share: float = 0.25  # of these pictures
    rate: float = 1e-3


def align(
    model: Dreamer,
    robot: Draw,
    known: Callable[[int], Batch | None],
    config: AlignConfig,
    say: Callable[..., None],
) -> Generator[str, None, bool]:
    """Align ``model`` in place; yields what it does after each short step.

    Returns whether pictures are understood now, so that what latents mean is worth keeping.

    Args:
        model: weights; what takes and gives commands and the picture nets change, nothing else.
        robot: draws windows that the changed robot recorded.
        known: draws pictures as the camera was, from a simulator; where it gives None recorded
            ones, undone, stand in.
        config: sizes.
        say: receives ``camera_shifted``, ``camera_unchanged`` or ``camera_not_understood``, then
            ``motors_shifted`` or ``motors_unchanged``.
    """
    robot, known = _drawn_on(model.device, robot, known)
    frozen = copy.deepcopy(model).requires_grad_(False).eval()
    found, understood = yield from find_shifts(frozen, robot, config.fit, say)
    found.motors.fold_into(model)
    shifts = found.cameras
    if not shifts:
        return understood
    teacher = copy.deepcopy(model).requires_grad_(False).eval()
    nets = [(model.encoders[name], model.decoders[name]) for name in shifts]
    params = [p for pair in nets for net in pair for p in net.parameters()]
    optimiser = torch.optim.Adam(params, config.rate)
    for step in range(config.retrain_steps):
        # Up in 20 steps, down over the last third: what remains at the end is not noise.
        left = (config.retrain_steps - step) / config.retrain_steps
        optimiser.param_groups[0]['lr'] = config.rate * min(1.0, (step + 1) / 20, 3.0 * left)
        loss = _encoder_loss(model, teacher, shifts, robot(config.pictures, 1), known)
        if step % config.paint_every == 0:
            windows = robot(config.batch, config.length)
            loss = loss + _decoder_loss(model, teacher, shifts, windows, config.decode_share)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss, inputs=params)
        optimiser.step()
        yield 'aligning pictures'
    return understood


def _drawn_on(
    device: torch.device, robot: Draw, known: Callable[[int], Batch | None]
) -> tuple[Draw, Callable[[int], Batch | None]]:
    """Return the two with what they draw on a device."""

    def known_there(pictures: int) -> Batch | None:
        batch = known(pictures)
        return None if batch is None else moved(batch, device)

    return lambda windows, length: moved(robot(windows, length), device), known_there


def _encoder_loss(
    model: Dreamer,
    teacher: Dreamer,
    shifts: Mapping[str, CameraShift],
    recorded: Batch,
    known: Callable[[int], Batch | None],
) -> torch.Tensor:
    """Return how far the encoders are from the teacher's, in shares of its variance, []."""
    stand_ins = known(len(recorded['reward']))
    total = torch.zeros((), device=model.device)
    for name, shift in shifts.items():
        now = as_floats(recorded[f'obs_{name}'].flatten(0, 1))
        with torch.no_grad():
            undone = shift.undo(now)
            was = undone
            if stand_ins is not None:
                was = as_floats(stand_ins[f'obs_{name}'].flatten(0, 1))
            targets = teacher.encoders[name](as_bytes(torch.cat([undone, was])))
            inputs = as_bytes(torch.cat([now, shift.apply_to(was), was]))
            of_undone, of_was = targets.split([len(undone), len(was)])
        error = model.encoders[name](inputs) - torch.cat([of_undone, of_was, of_was])
        total = total + error.square().mean() / targets.var(0).mean().clamp(min=1e-6)
    return total


def _decoder_loss(
    model: Dreamer,
    teacher: Dreamer,
    shifts: Mapping[str, CameraShift],
    windows: Batch,
    share: float,
) -> torch.Tensor:
    """Return the square error of pictures as they are, painted from the teacher's beliefs, []."""
    now = {name: as_floats(windows[f'obs_{name}'].flatten(0, 1)) for name in shifts}
    with torch.no_grad():
        undone = {name: as_bytes(shifts[name].undo(now[name])) for name in shifts}
        embedded = embed_windows(teacher, windows, pictures=undone)
        beliefs = filter_windows(teacher, windows, embedded).beliefs.flatten(0, 1)
    picked = torch.randperm(len(beliefs), device=beliefs.device)[
        : max(1, int(len(beliefs) * share))
    ]
    total = torch.zeros((), device=model.device)
    for name in shifts:
        pixels = model.decoders[name](beliefs[picked])
        total = total + (pixels - now[name][picked]).square().sum((1, 2, 3)).mean()
    return total
