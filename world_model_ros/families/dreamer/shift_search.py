# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How well a guess of what happened to a robot explains its records, and the way down from it.

The measure is what a frozen world model did not expect of recorded windows; gradients of it reach
the guess. Owns neither which guesses are tried nor what is made of the best.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch

from world_model_ros.families.dreamer.camera import CameraShift
from world_model_ros.families.dreamer.filtering import Filtered, embed_windows, filter_windows
from world_model_ros.families.dreamer.motors import MotorGains
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.protocol import Batch, Draw

LEAST_SEEN = 0.3  # of a picture: what its error is divided by at least


@dataclass(frozen=True)
class Windows:
    """Size of a batch."""

    count: int
    ticks: int


@dataclass(frozen=True)
class SearchConfig:
    """How the way down is taken."""

    rate: float = 0.02
    motor_rate: float = 0.05
    ridge: float = 0.1  # keeps colours that were hardly seen where they were
    stiffness: float = 30.0  # keeps zoom and perspective small, which explain a turn half way
    judged: int = 4  # batches that an error is the mean of


@dataclass(frozen=True)
class Guess:
    """What may have happened: to motors, and to cameras by name; the others did not change."""

    motors: MotorGains
    cameras: Mapping[str, CameraShift] = field(default_factory=dict)

    def free(self) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
        """Return what may still move: of the cameras, of the motors."""
        cameras = [p for shift in self.cameras.values() for p in shift.parameters()]
        motors = list(self.motors.parameters())
        return [p for p in cameras if p.requires_grad], [p for p in motors if p.requires_grad]


class ShiftSearch:
    """Judges and betters guesses against windows that ``draw`` gives; ``model`` stays as it is."""

    def __init__(self, model: Dreamer, draw: Draw, config: SearchConfig) -> None:
        self.model, self.draw, self.config = model, draw, config

    def camera(self, turn: float = 0.0) -> CameraShift:
        """Return a camera that may have moved, where the model is."""
        return CameraShift(turn).to(self.model.device)

    def motors(self) -> MotorGains:
        """Return motors that may have changed, where the model is."""
        return MotorGains(self.model.contract).to(self.model.device)

    def descend(self, guess: Guess, steps: int, size: Windows) -> Iterator[None]:
        """Better ``guess`` in place; yields after each step."""
        cameras, motors = guess.free()
        rates = (self.config.rate, self.config.motor_rate)
        groups = [{'params': cameras, 'lr': rates[0]}, {'params': motors, 'lr': rates[1]}]
        optimiser = torch.optim.Adam(groups)
        params = cameras + motors
        means, late = [torch.zeros_like(p) for p in params], 0
        for step in range(steps):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group['lr'] = rate * min(1.0, 2.0 * (steps - step) / steps)
            error = self.surprise(guess, self.draw(size.count, size.ticks))
            loss = error + sum(self._unlikely(shift) for shift in guess.cameras.values())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            if 2 * step >= steps:  # every batch pulls elsewhere, the mean of the last half less
                late += 1
                torch._foreach_lerp_(means, [p.detach() for p in params], 1.0 / late)
            yield
        for param, mean in zip(params, means, strict=True):
            param.data.copy_(mean)

    def surprise(self, guess: Guess, batch: Batch) -> torch.Tensor:
        """Return what the model did not expect of recorded windows under a guess, [].

        The KL to its prior in nats, and the square error of what it paints in the colours of today
        against the straightened record (summed over a picture; what the camera no longer sees is
        left out). In undone colours the darkest shift would have the least error.
        """
        filtered = self._filter(guess, batch, 0.2)
        to_prior, to_posterior = filtered.kl(free_nats=1.0)
        total = (to_prior + to_posterior) / 2
        beliefs = filtered.beliefs.flatten(0, 1)
        for name, shift in guess.cameras.items():
            straight, seen = shift.straighten(as_floats(batch[f'obs_{name}'].flatten(0, 1)))
            painted = shift.tint(self.model.decoders[name](beliefs))
            missed = ((painted - straight).square() * seen).sum((1, 2, 3)).mean()
            total = total + missed / seen.mean().clamp(min=LEAST_SEEN)
        return total

    @torch.no_grad()
    def errors(self, guesses: list[Guess], size: Windows) -> list[float]:
        """Return the surprise of each guess, all against the same windows."""
        drawn = [self.draw(size.count, size.ticks) for _ in range(self.config.judged)]
        every = {name: self.camera() for name in self.model.pictures}
        full = [Guess(g.motors, every | dict(g.cameras)) for g in guesses]
        return [sum(float(self.surprise(g, b)) for b in drawn) / len(drawn) for g in full]

    @torch.no_grad()
    def explained(self, guess: Guess, name: str, size: Windows) -> float:
        """Return the share of a camera's variance that is painted right; NaN if it is blank.

        Judged on the second half of windows twice as long: a belief of one picture is a guess.
        """
        batch = self.draw(self.config.judged * size.count // 2, 2 * size.ticks)
        beliefs = self._filter(guess, batch, 0.0).beliefs
        shift = guess.cameras.get(name) or self.camera()
        ticks = torch.arange(2 * size.ticks, device=beliefs.device)
        late = ticks.repeat(len(beliefs)) >= size.ticks
        now = as_floats(batch[f'obs_{name}'].flatten(0, 1)[late])
        straight, seen = shift.straighten(now)
        painted = shift.tint(self.model.decoders[name](beliefs.flatten(0, 1)[late]))
        missed = ((painted - straight).square() * seen).sum()
        varied = ((straight - straight.mean(0)).square() * seen).sum()
        return 1.0 - float(missed / varied) if varied > 0 else math.nan

    def _filter(self, guess: Guess, batch: Batch, beyond: float) -> Filtered:
        now = {n: as_floats(batch[f'obs_{n}'].flatten(0, 1)) for n in guess.cameras}
        undone = {n: as_bytes(guess.cameras[n].undo(p), beyond) for n, p in now.items()}
        batch = batch | {'action_sent': batch['action_sent'] * guess.motors.gains()}
        embedded = embed_windows(self.model, batch, pictures=undone)
        return filter_windows(self.model, batch, embedded)

    def _unlikely(self, shift: CameraShift) -> torch.Tensor:
        _, zoom, _, _, tip_x, tip_y = shift.geometry.unbind()
        stiff = zoom.square() + tip_x.square() + tip_y.square()
        return self.config.ridge * shift.colour.square().sum() + self.config.stiffness * stiff


def as_floats(pictures: torch.Tensor) -> torch.Tensor:
    """Return [B, 3, h, w] in 0..1 of uint8 [B, h, w, 3]."""
    return pictures.permute(0, 3, 1, 2).float() / 255.0


def as_bytes(pictures: torch.Tensor, beyond: float = 0.0) -> torch.Tensor:
    """Return [B, h, w, 3] in 0..255, as encoders take it, of [B, 3, h, w] in 0..1.

    ``beyond`` leaves gradients to what lies so far outside.
    """
    return pictures.clamp(-beyond, 1.0 + beyond).permute(0, 2, 3, 1) * 255.0
