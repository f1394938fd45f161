# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recorded episodes of `bench circle` as rows and as a picture.

Imports neither ROS nor torch.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIELDS = ('seed', 'minutes', 'return', 'release', 'eval')
ARM_COLORS = {'frozen': '#c63d3d', 'randomised': '#8a63c9', 'oracle': '#2f9e63'}
SEED_COLORS = ('#2f6fb3', '#e08a1e', '#5b5f66', '#b04a8f', '#3aa6a0')


def curve_rows(returns: Sequence[Mapping[str, Any]], seed: int) -> list[tuple[Any, ...]]:
    """Return one row per recorded episode; minutes count from the end of the first."""
    return [
        (
            seed,
            round((row['time'] - returns[0]['time']) / 60.0, 3),
            round(row['return'], 3),
            row['release'],
            row['eval'],
        )
        for row in returns
    ]


def write_curve(path: Path, rows: Sequence[tuple[Any, ...]], arms: Mapping[str, float]) -> None:
    """Write the rows to ``path`` and a picture of them, with the arms' means, beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows(rows)
    if rows:
        draw(path.with_suffix('.png'), rows, arms)


def draw(path: Path, rows: Sequence[tuple[Any, ...]], arms: Mapping[str, float]) -> None:
    """Draw return over minutes: evaluation episodes full, exploring ones faint."""
    figure, axes = _axes()
    for evaluated, marker, alpha, label in (
        (False, 'x', 0.4, 'recorded, exploring'),
        (True, 'o', 1.0, 'recorded, evaluation'),
    ):
        some = [row for row in rows if row[4] == evaluated]
        x, y = [row[1] for row in some], [row[2] for row in some]
        if some:
            axes.plot(x, y, marker, color='#2f6fb3', alpha=alpha, markersize=4.5, label=label)
    acted = 0
    for row in rows:
        if row[3] != acted:
            acted = row[3]
            axes.axvline(row[1], color='#c0c0c0', linewidth=0.7, zorder=0)
    axes.set_xlabel('minutes after the first whole episode (grey lines: the next release acts)')
    _finish(figure, axes, path, arms)


def draw_seeds(
    path: Path, seeds: Sequence[Sequence[tuple[Any, ...]]], arms: Mapping[str, float]
) -> None:
    """Draw the evaluation episodes of several runs, ``curve_rows`` each, into one picture."""
    figure, axes = _axes()
    for rows, color in zip(seeds, itertools.cycle(SEED_COLORS)):
        some = [row for row in rows if row[4]]
        x, y = [row[1] for row in some], [row[2] for row in some]
        label = f'seed {rows[0][0]}' if rows else None
        axes.plot(x, y, 'o-', color=color, linewidth=0.8, markersize=3.5, label=label)
    axes.set_xlabel('minutes after the first whole episode (evaluation episodes only)')
    _finish(figure, axes, path, arms)


def _axes() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), layout='constrained', dpi=110)
    return figure, figure.add_subplot()


def _finish(figure: Figure, axes: Axes, path: Path, arms: Mapping[str, float]) -> None:
    for name, color in ARM_COLORS.items():
        if name in arms:
            axes.axhline(arms[name], color=color, linewidth=1.2, linestyle='--', label=name)
    axes.set_ylabel('return')
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, framealpha=0.8)
    axes.spines[['top', 'right']].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
