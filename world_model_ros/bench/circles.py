# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench circles`: the figures of several seeds of `bench circle` as one table and one picture.

Input: the JSON objects that `bench circle --json` ended with, one file per seed. Runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bench.circle_curve import curve_rows, draw_seeds

# Else they are no seeds of one experiment, or not over the same evaluation episodes.
SAME = ('bench', 'robot', 'reality', 'minutes', 'from_scratch', 'seed_list')
NEEDED = (
    *SAME,
    'seed',
    'returns',
    'arm_returns',
    'late_ticks',
    'late_share',
    'releases',
    'trainer',
)

PER_SEED = ('adapted', 'adapted_nominal', 'regained', 'adapted_minus_randomised')


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Figures of all seeds: a list per figure, and each claim over the seeds' mean.

    Report seeds are the same for every run, so an adapted return is averaged over the runs first
    and episodes are resampled then: an interval tells the spread over episodes, the list beside it
    the spread over seeds, of which there are too few to resample.

    Args:
        runs: objects of `bench circle --json`, of one experiment.
    """
    from world_model_ros.evaluation import paired_interval
    from world_model_ros.evaluation.adaptation import arm_figures, regained

    first = runs[0]
    arms = {
        name: np.mean([run['arm_returns'][name] for run in runs], axis=0)
        for name in first['arm_returns']
        if all(name in run['arm_returns'] for run in runs)
    }
    out: dict[str, Any] = {'bench': 'circles', **{key: first[key] for key in SAME[1:]}}
    out['seeds'] = [run['seed'] for run in runs]
    out['seed_list'] = first['seed_list']
    for name in PER_SEED:
        if all(name in run for run in runs):
            out[f'{name}_seeds'] = [run[name] for run in runs]
            out[f'{name}_seeds_intervals'] = [run[f'{name}_interval'] for run in runs]
    out |= arm_figures(arms)
    if {'adapted', 'frozen', 'oracle'} <= set(arms):
        out |= regained(arms['adapted'], arms['frozen'], arms['oracle']).entry('regained')
    for name, a, b in (
        ('adapted_minus_frozen', 'adapted', 'frozen'),
        ('adapted_minus_randomised', 'adapted', 'randomised'),
    ):
        if a in arms and b in arms:
            out |= paired_interval(arms[a], arms[b]).entry(name)
    if {'adapted_nominal', 'frozen_nominal'} <= set(arms):
        kept = [run['adapted_nominal'] / run['frozen_nominal'] for run in runs]
        out['nominal_kept_seeds'] = [round(share, 3) for share in kept]
    out['late_ticks_seeds'] = [run['late_ticks'] for run in runs]
    out['late_share_seeds'] = [round(run['late_share'], 6) for run in runs]
    waits = [run.get('published_to_ready_s') for run in runs]
    out['published_to_ready_p95_s_seeds'] = [wait and wait['p95'] for wait in waits]
    out['releases_seeds'] = [len(run['releases']) for run in runs]
    out['updates_seeds'] = [run['trainer'].get('updates') for run in runs]
    return out


def read_runs(files: Sequence[Path]) -> list[dict[str, Any]]:
    """The objects of `bench circle --json` in these files, by seed.

    Raises:
        ValueError: a file is none, or not of the same experiment as the first.
    """
    runs = [_read(path) for path in files]
    _check_alike(runs, files)
    return sorted(runs, key=lambda run: run['seed'])


def draw(path: Path, runs: Sequence[dict[str, Any]]) -> None:
    """Draw all seeds into one picture."""
    means = {
        name: float(np.mean(values))
        for name, values in runs[0]['arm_returns'].items()
        if not name.startswith('adapted')
    }
    draw_seeds(path, [curve_rows(run['returns'], run['seed']) for run in runs], means)


def _read(path: Path) -> dict[str, Any]:
    try:
        run = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ValueError(f'{path}: {error}') from error
    if not isinstance(run, dict) or run.get('bench') != 'circle':
        raise ValueError(f'{path}: not the JSON object of `bench circle --json`')
    run.setdefault('seed_list', 'retired')  # of a run from before there was another list
    lacks = [name for name in NEEDED if name not in run]
    if lacks:
        why = f'it ended early ({run["ended_early"]}) and ' if 'ended_early' in run else ''
        raise ValueError(f'{path}: {why}lacks {", ".join(lacks)}')
    return run


def _check_alike(runs: Sequence[dict[str, Any]], files: Sequence[Path]) -> None:
    for run, path in zip(runs, files, strict=True):
        for key in SAME:
            if run[key] != runs[0][key]:
                raise ValueError(
                    f'{path} has {key} {run[key]!r}, {files[0]} has {runs[0][key]!r}: '
                    'give the seeds of one experiment'
                )
    seeds = [run['seed'] for run in runs]
    if len(set(seeds)) < len(seeds):
        raise ValueError(f'the seeds are {seeds}: each may count once')
