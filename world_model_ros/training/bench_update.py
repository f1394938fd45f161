# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Updates per second of an algorithm, and where the time of an update goes.

It learns from made-up ticks of a contract, since an update takes as long whatever is in them: no
simulator is needed. Another device is measured in turns with the CPU, so that whatever else the
machine does falls on both. Must not import ROS.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from world_model_ros.contract import Contract
from world_model_ros.families.device import CPU, ON_CPU, Chosen, described, settle
from world_model_ros.families.family_registry import find_family
from world_model_ros.families.protocol import Algorithm, Draw, Timed
from world_model_ros.training.core.begin import new_algorithm, placed
from world_model_ros.training.data.replay import Replay, tick_spec
from world_model_ros.training.data.windows import draw_from, normalise

TICKS = 2_000  # to draw windows from: 25 MB of 64 x 64 pictures
EPISODE_TICKS = 125
WARM_UP = 3  # updates: the first ones allocate memory and choose kernels


@dataclass
class Sizes:
    """How much is measured."""

    updates: int = 20  # of a round, on each device
    rounds: int = 5
    threads: int = 2
    seed: int = 0
    recipe: Any = None  # of the algorithm; None: the family's own
    model: Any = None


@dataclass
class Side:
    """One algorithm on one device."""

    algorithm: Algorithm
    device: torch.device
    draw: Draw
    rates: list[float] = field(default_factory=list)  # updates per second of each round
    shares: dict[str, float] = field(default_factory=dict)

    def update(self) -> None:
        """Draw a batch and learn from it."""
        size, length = self.algorithm.batch_size, self.algorithm.window_ticks
        self.algorithm.update(self.draw(size, length))

    def round(self, updates: int) -> None:
        """Measure the rate once more."""
        settle(self.device)
        clock = time.perf_counter()
        for _ in range(updates):
            self.update()
        settle(self.device)
        self.rates.append(updates / (time.perf_counter() - clock))

    def divide(self, updates: int) -> None:
        """Measure the share of each part; apart from the rate, since a GPU waits at each mark."""
        parts = Parts(self.device)
        timed = self.algorithm if isinstance(self.algorithm, Timed) else None
        before = None if timed is None else timed.mark
        size, length = self.algorithm.batch_size, self.algorithm.window_ticks
        if timed is not None:
            timed.mark = parts.mark
        for _ in range(updates):
            parts.mark('sample')
            batch = self.draw(size, length)
            if timed is None:  # it does not say what it does
                parts.mark('update')
            self.algorithm.update(batch)
            parts.mark('')
        if timed is not None and before is not None:
            timed.mark = before
        total = sum(parts.spent_s.values())
        self.shares = {name: round(spent / total, 3) for name, spent in parts.spent_s.items()}

    def figures(self) -> dict[str, Any]:
        """Return what was measured so far."""
        rates = [round(rate, 3) for rate in self.rates]
        return {
            'device': described(self.device),
            'bf16': self.algorithm.settings().get('bf16'),
            'updates_per_s': round(statistics.median(self.rates), 3) if rates else None,
            'updates_per_s_rounds': rates,
            'shares': self.shares,
        }


class Parts:
    """Sums the time between marks by the name of the first one; '' is not counted."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.spent_s: dict[str, float] = {}
        self._part, self._since = '', 0.0

    def mark(self, part: str) -> None:
        """Say what begins."""
        settle(self.device)
        now = time.perf_counter()
        if self._part:
            self.spent_s[self._part] = self.spent_s.get(self._part, 0.0) + now - self._since
        self._part, self._since = part, now


def bench_update(
    contract: Contract, family: str, chosen: Chosen, sizes: Sizes, figures: dict[str, Any]
) -> Iterator[str]:
    """Measure into `figures`, which can be shown whenever it ends; yields what it does.

    Raises:
        FamilyError: there is no such family, or it cannot serve this contract.
        DeviceError: the family cannot learn on the device that was asked for.
    """
    torch.set_num_threads(sizes.threads)
    rng = np.random.default_rng(sizes.seed)
    with tempfile.TemporaryDirectory(prefix='world_model_bench_') as folder:
        replay = Replay(Path(folder), contract, 1, TICKS)
        replay.extend(made_up_ticks(contract, rng, TICKS), 'made up')
        draw = draw_from(replay, rng)
        sides: dict[torch.device, Side] = {}
        for device in (chosen, ON_CPU):
            torch.manual_seed(sizes.seed)
            algorithm = new_algorithm(find_family(family), contract, sizes.model, sizes.recipe)
            where = placed(algorithm, device).device
            normalise(algorithm, contract, replay)
            sides.setdefault(where, Side(algorithm, where, draw))
        ours, *others = sides.values()  # another one only where it is not the CPU
        figures |= {
            'torch': torch.__version__,
            'family': ours.algorithm.family,
            'parameters': sum(p.numel() for p in ours.algorithm.model.parameters()),
            'batch': ours.algorithm.batch_size,
            'length': ours.algorithm.window_ticks,
        }
        for side in sides.values():
            yield f'warming up on {side.device}'
            for _ in range(WARM_UP):
                side.update()
        for number in range(sizes.rounds):
            yield f'round {number + 1} of {sizes.rounds}'
            for side in sides.values():
                side.round(sizes.updates)
            figures |= ours.figures()
            for cpu in others:
                ratios = [a / b for a, b in zip(ours.rates, cpu.rates, strict=True)]
                figures |= {'on_cpu': cpu.figures(), 'ratio': round(statistics.median(ratios), 3)}
        yield 'dividing the time of an update'
        for side in sides.values():
            side.divide(sizes.updates)
        figures |= ours.figures()
        for cpu in others:
            assert cpu.device == CPU
            figures |= {'on_cpu': cpu.figures()}


def made_up_ticks(
    contract: Contract, rng: np.random.Generator, count: int
) -> dict[str, np.ndarray]:
    """Return random ticks [count, ...] as replay stores them."""
    rows: dict[str, np.ndarray] = {}
    for name, (shape, dtype) in tick_spec(contract).items():
        if dtype == 'uint8':
            rows[name] = rng.integers(0, 256, (count, *shape), np.uint8)
        else:
            rows[name] = rng.uniform(-1.0, 1.0, (count, *shape)).astype(dtype)
    low, high = np.array(contract.action.low), np.array(contract.action.high)
    rows['action_sent'] = rng.uniform(low, high, (count, len(low))).astype(np.float32)
    rows['ages'] = np.abs(rows['ages']) * np.float32(contract.period_s)
    rows['is_first'] = np.arange(count) % EPISODE_TICKS == 0
    rows['terminal'] = np.zeros(count, np.bool_)
    return rows
