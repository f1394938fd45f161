# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights from elsewhere meet another camera: find what changed, teach it to the picture nets.

First the shift of each camera is found under which the frozen model explains recorded windows
best (camera_fit). Then the encoder learns to give for pictures as they are what it gave for
pictures as they were (knowledge distillation, Hinton 2015), and the decoder to paint them as they
are. Dynamics, reward, value and policy stay, and so does what a latent means: learned all at once,
latents drift, and what policy and value knew is lost (latent alignment, Yoneda 2022). Works on the
weights it is given; owns no disk and no clock.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import torch

from world_model_ros.models.camera import CameraShift
from world_model_ros.models.dreamer import Dreamer
from world_model_ros.training.camera_fit import FitConfig, as_bytes, as_floats, find_shifts
from world_model_ros.training.filtering import Batch, embed_windows, filter_windows

Draw = Callable[[int, int], Batch]  # windows, ticks in each -> batch


@dataclass(frozen=True)
class AlignConfig:
    """How much of what; steps take about 0.1 s (fit) and 0.2 s (retrain) on one thread."""

    ticks: int = 2_000  # of the robot before it begins: fewer hold too few poses
    fit: FitConfig = field(default_factory=FitConfig)
    retrain_steps: int = 250
    batch: int = 24
    length: int = 20
    known: int = 96  # pictures as they were, per step, shown also as the changed camera sees them
    decode_share: float = 0.25  # of the recorded pictures, painted in each step
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
        model: weights whose picture nets are retrained; nothing else of it changes.
        robot: draws windows that the changed robot recorded.
        known: draws pictures as the camera was, from a simulator; where it gives None recorded
            ones, undone, stand in.
        config: sizes.
        say: told ``camera_shifted``, ``camera_unchanged`` or ``camera_not_understood``.
    """
    teacher = copy.deepcopy(model).requires_grad_(False).eval()
    shifts: dict[str, CameraShift] = {}
    understood = yield from find_shifts(teacher, robot, config.fit, shifts, say)
    if not shifts:
        return understood
    nets = [(model.encoders[name], model.decoders[name]) for name in shifts]
    params = [p for pair in nets for net in pair for p in net.parameters()]
    optimiser = torch.optim.Adam(params, config.rate)
    for step in range(config.retrain_steps):
        # Up in 20 steps, down over the last third: what remains at the end is not noise.
        left = (config.retrain_steps - step) / config.retrain_steps
        optimiser.param_groups[0]['lr'] = config.rate * min(1.0, (step + 1) / 20, 3.0 * left)
        batch = robot(config.batch, config.length)
        loss = _retrain_loss(model, teacher, shifts, batch, known, config)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss, inputs=params)
        optimiser.step()
        yield 'aligning pictures'
    return understood


def _retrain_loss(
    model: Dreamer,
    teacher: Dreamer,
    shifts: dict[str, CameraShift],
    batch: Batch,
    known: Callable[[int], Batch | None],
    config: AlignConfig,
) -> torch.Tensor:
    """Return how far the encoders are from the teacher's, and the decoders from the pictures."""
    now = {name: as_floats(batch[f'obs_{name}'].flatten(0, 1)) for name in shifts}
    with torch.no_grad():
        before = {name: shifts[name].undo(now[name]) for name in shifts}
        undone = {name: as_bytes(before[name]) for name in shifts}
        embedded = embed_windows(teacher, batch, pictures=undone)
        beliefs = filter_windows(teacher, batch, embedded).beliefs.flatten(0, 1)
        stand_ins = known(config.known)
    total = torch.zeros(())
    for name, shift in shifts.items():
        picked = torch.randperm(len(now[name]))[: config.known]
        was = before[name][picked]
        if stand_ins is not None:
            was = as_floats(stand_ins[f'obs_{name}'].flatten(0, 1))
        with torch.no_grad():
            targets = teacher.encoders[name](as_bytes(torch.cat([before[name][picked], was, was])))
            inputs = as_bytes(torch.cat([now[name][picked], shift.apply_to(was), was]))
        error = (model.encoders[name](inputs) - targets).square().mean()
        total = total + error / targets.var(0).mean().clamp(min=1e-6)
        painted = torch.randperm(len(now[name]))[: int(len(now[name]) * config.decode_share)]
        pixels = model.decoders[name](beliefs[painted])
        total = total + (pixels - now[name][painted]).square().sum((1, 2, 3)).mean()
    return total
