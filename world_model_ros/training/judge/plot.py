# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draws the curve of a training run from its CSV: every episode a point, their mean a line."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt


def plot_curve(source: Path, target: Path, title: str = '') -> None:
    """Draw return over frames from curve.csv; a single training seed is labelled a smoke curve.

    Raises:
        ValueError: if the CSV holds no episode.
    """
    scores: dict[int, list[float]] = defaultdict(list)
    if source.exists():
        with source.open(newline='') as file:
            for row in csv.DictReader(file):
                scores[int(row['frames'])].append(float(row['return']))
    if not scores:
        raise ValueError(f'{source}: no evaluated episode yet, nothing to draw')
    frames = sorted(scores)
    figure, axes = plt.subplots(figsize=(6.4, 4.0), dpi=120)
    for at in frames:
        axes.plot([at / 1e3] * len(scores[at]), scores[at], '.', color='0.75', markersize=4)
    means = [sum(scores[at]) / len(scores[at]) for at in frames]
    axes.plot([at / 1e3 for at in frames], means, '-o', color='tab:blue', markersize=3)
    axes.set_xlabel('frames (thousands)')
    axes.set_ylabel('return (policy, selection seeds)')
    axes.set_ylim(0, 1000)
    axes.set_title(f'{title or source.parent.name}: one training seed, a smoke curve', fontsize=10)
    axes.spines[['top', 'right']].set_visible(False)
    figure.tight_layout()
    figure.savefig(target)
    plt.close(figure)
