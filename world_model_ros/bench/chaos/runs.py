# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every fault injector shares: seeded runs, named violations, one JSON result.

An injector is a function `one_run(index, rng, folder) -> list[Violation]`. A run that raises is a
violation itself, with the exception as its text: an injector never hides what it found.
"""

from __future__ import annotations

import importlib
import multiprocessing
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MAX_REPORTED = 20  # violations that are written out; all of them are counted


@dataclass(frozen=True)
class Violation:
    """One rule that did not hold."""

    rule: str  # short and stable, such as 'process ended'
    what: str  # what was done and what came of it


@dataclass
class Result:
    """What a whole injection found."""

    part: str
    seed: int
    runs: int = 0
    checked: Counter[str] = field(default_factory=Counter)  # what was tried, and how often
    violations: list[tuple[int, Violation]] = field(default_factory=list)
    wall_s: float = 0.0

    def add(self, other: Result) -> None:
        """Take in what another process found in runs of the same seed, at the same time."""
        self.runs += other.runs
        self.checked += other.checked
        self.violations = sorted(self.violations + other.violations, key=lambda pair: pair[0])
        self.wall_s = max(self.wall_s, other.wall_s)

    def as_json(self) -> dict[str, Any]:
        """The figures that the command prints."""
        return {
            'part': self.part,
            'seed': self.seed,
            'runs': self.runs,
            'violations': len(self.violations),
            'checked': dict(sorted(self.checked.items())),
            'wall_s': round(self.wall_s, 1),
            'first_violations': [
                {'run': index, 'rule': found.rule, 'what': found.what}
                for index, found in self.violations[:MAX_REPORTED]
            ],
        }


OneRun = Callable[[int, np.random.Generator, Path, Counter], list[Violation]]


def inject(
    part: str,
    one_run: OneRun,
    runs: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    every: tuple[int, int] = (0, 1),
) -> Result:
    """Call `one_run(index, rng, folder, checked)` so many times and collect what it found.

    Run i always gets the numbers of (seed, i), so that one run can be repeated alone. The folder
    is empty and is deleted afterwards. `every` (first, step) leaves the other runs to others.
    """
    result = Result(part, seed)
    begun_s = time.monotonic()
    for index in range(every[0], runs, every[1]):
        rng = np.random.default_rng([seed, index])
        folder = Path(tempfile.mkdtemp(prefix=f'chaos_{part}_'))
        try:
            found = one_run(index, rng, folder, result.checked)
        except Exception:  # noqa: BLE001 - whatever it is, it is what the injector is looking for
            found = [Violation('raised', traceback.format_exc(limit=-6))]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        result.runs += 1
        result.violations += [(index, violation) for violation in found]
        if progress is not None:
            progress(index + 1, len(result.violations))
    result.wall_s = time.monotonic() - begun_s
    return result


def inject_part(
    part: str,
    runs: int,
    seed: int,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Attack one part; PART_runs.py in bench/chaos has the function `one_run`.

    Args:
        part: its name.
        runs: how many.
        seed: run i gets the numbers of (seed, i).
        jobs: processes that share the runs.
        progress: gets runs done and violations, with one job alone.
    """
    if jobs == 1:
        return inject(part, _one_run(part), runs, seed, progress)
    total = Result(part, seed)
    with ProcessPoolExecutor(jobs, multiprocessing.get_context('spawn')) as pool:
        for share in [pool.submit(_share, part, runs, seed, k, jobs) for k in range(jobs)]:
            total.add(share.result())
    return total


def _share(part: str, runs: int, seed: int, first: int, step: int) -> Result:
    """Every `step`-th run of a part, in a process of its own."""
    return inject(part, _one_run(part), runs, seed, every=(first, step))


def _one_run(part: str) -> OneRun:
    one_run: OneRun = importlib.import_module(f'world_model_ros.bench.chaos.{part}_runs').one_run
    return one_run
