# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The plots of the report, each an SVG as a data URI; None where there is nothing to draw.

Imports neither ROS nor torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from world_model_ros.experience.read.figures import EpisodeFigures
from world_model_ros.gate_figures import gate_figure
from world_model_ros.report.axis import INK, TimeAxis, data_uri, style
from world_model_ros.report.data import Life

COLORS = ('#3b82c4', '#e07b1f', '#2f9e63', '#c94f7c', '#8a63c9', '#9c7b2e', '#1aa0a8', '#d14b3a')
# Sources of the tick record in the order of who decides; those of the same hand alike.
SOURCE_COLORS = {
    'plan': '#2f6fb3',
    'policy': '#6ea8dc',
    'chunk_rest': '#e0b23a',
    'explore': '#2f9e63',
    'teleop': '#8a63c9',
    'foreign': '#b58ad6',
    'measured': '#d6b8e8',
    'safe': '#e07b1f',
    'stopped': '#c63d3d',
    'disabled': '#8c8c8c',
    'none': '#c0c0c0',
}
HORIZONS = (1, 5, 15)
PARTS = {
    'joints': 'joints: RMS error\n(in their own spread)',
    'picture': 'picture: mean square error\n(pixels in 0..1)',
    'reward': 'reward: mean error\n(in its own spread)',
}
MARKS = {'evaluation': 'o', 'acting': 's', 'exploring': 'x'}


def returns_plot(life: Life, axis: TimeAxis) -> str | None:
    """Return of every whole episode; colour is the robot, the mark how it acted."""
    whole = [e for e in life.episodes if e.whole]
    if not whole:
        return None
    robots = sorted({e.robot_id for e in whole})
    with style():
        figure = Figure(figsize=(9.2, 3.6), layout='constrained')
        axes = figure.add_subplot()
        for number, robot in enumerate(robots):
            for kind, mark in MARKS.items():
                some = [e for e in whole if (e.robot_id, e.kind) == (robot, kind)]
                color = COLORS[number % len(COLORS)]
                axes.plot(
                    [axis.at[e.uuid] for e in some],
                    [e.total_reward for e in some],
                    mark, color=color, markersize=6 if mark == 'o' else 4.5,
                    alpha=1.0 if mark == 'o' else 0.55, linestyle='none',
                )  # fmt: skip
        axis.mark(axes)
        axes.set_xlabel(axis.label)
        axes.set_ylabel('return (sum of rewards)')
        kinds = [kind for kind in MARKS if any(e.kind == kind for e in whole)]
        handles = [_handle(MARKS[kind], INK, kind) for kind in kinds]
        if len(robots) > 1:
            handles += [_handle('o', COLORS[i % len(COLORS)], r) for i, r in enumerate(robots)]
        _legend(axes, handles)
        return data_uri(figure)


def open_loop_plot(life: Life) -> str | None:
    """Open-loop error per release at 1, 5 and 15 ticks; one field for each part."""
    shown = [
        part
        for part in PARTS
        if any(gate_figure(r.gate, f'{part}_1') is not None for r in life.releases)
    ]
    if not shown:
        return None
    with style():
        figure = Figure(figsize=(9.2, 2.9), layout='constrained')
        fields = figure.subplots(1, len(shown), squeeze=False)[0]
        numbers = [r.number for r in life.releases]
        for axes, part in zip(fields, shown, strict=True):
            for horizon, color in zip(HORIZONS, COLORS, strict=False):
                for prefix, line in (('', '-o'), ('last_', ':')):
                    key = f'{prefix}{part}_{horizon}'
                    values = [gate_figure(r.gate, key) for r in life.releases]
                    heights = [math.nan if value is None else value for value in values]
                    alone = prefix and len(numbers) == 1  # a line needs two points
                    axes.plot(
                        numbers, heights, '_' if alone else line, color=color, linewidth=1.4,
                        markersize=14 if alone else 4,
                    )  # fmt: skip
            axes.set_title(PARTS[part])
            axes.set_ylim(bottom=0)
            axes.set_xlabel('release')
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.set_xlim(min(numbers) - 0.5, max(numbers) + 0.5)
        handles = [
            Line2D([], [], color=color, label=f'{horizon} tick{"s" * (horizon > 1)}')
            for horizon, color in zip(HORIZONS, COLORS, strict=False)
        ]
        handles.append(Line2D([], [], color=INK, linestyle=':', label='copying the last seen'))
        figure.legend(handles=handles, loc='outside lower center', ncols=4)
        return data_uri(figure)


def surprise_plot(life: Life, axis: TimeAxis) -> str | None:
    """Surprise of every episode, median and 90th percentile, coloured by the release."""
    seen = sorted({number for e in life.episodes for number in e.surprise})
    if not seen:
        return None
    with style():
        figure = Figure(figsize=(9.2, 2.9), layout='constrained')
        axes = figure.add_subplot()
        for i, number in enumerate(seen):
            color = COLORS[i % len(COLORS)]
            points = [(axis.at[e.uuid], *e.surprise[number]) for e in life.episodes
                      if number in e.surprise]  # fmt: skip
            at, middle, high = zip(*points, strict=True)
            axes.vlines(at, middle, high, color=color, linewidth=1, alpha=0.5)
            axes.plot(at, middle, 'o', color=color, markersize=4)
        axis.mark(axes)
        axes.set_xlabel(axis.label)
        axes.set_ylabel('surprise (nat)')
        if len(seen) <= len(COLORS):
            names = ['no release' if n == 0 else f'release {n}' for n in seen]
            _legend(axes, [_handle('o', COLORS[i], name) for i, name in enumerate(names)])
        return data_uri(figure)


def streams_plot(life: Life, axis: TimeAxis) -> str | None:
    """Per stream: age of the oldest messages used, and ticks without a usable one."""
    names = sorted({name for e in life.episodes for name in e.streams})
    if not names:
        return None
    with style():
        figure = Figure(figsize=(9.2, 3.8), layout='constrained')
        upper, lower = figure.subplots(2, 1, sharex=True)
        ages: list[float] = []
        bad: list[float] = []
        for i, name in enumerate(names):
            some = [e for e in life.episodes if name in e.streams]
            at = [axis.at[e.uuid] for e in some]
            color = COLORS[i % len(COLORS)]
            age = [1e3 * e.streams[name].age_p99_s for e in some]
            upper.plot(at, age, '-o', color=color, markersize=3, linewidth=0.8)
            lacking = [100.0 * e.streams[name].invalid / e.ticks for e in some]
            lower.plot(at, lacking, '-o', color=color, markersize=3, linewidth=0.8)
            ages, bad = ages + age, bad + lacking
        for axes, values in ((upper, ages), (lower, bad)):
            axis.mark(axes, numbers=axes is upper)
            _from_zero(axes, values)
        upper.set_ylabel('age, p99 (ms)')
        lower.set_ylabel('invalid ticks (%)')
        lower.set_xlabel(axis.label)
        handles = [_handle('o', COLORS[i % len(COLORS)], n) for i, n in enumerate(names)]
        _legend(upper, handles)
        return data_uri(figure)


def ticks_plot(life: Life, axis: TimeAxis) -> str | None:
    """Late and skipped ticks of every episode, in percent."""
    if not life.episodes:
        return None
    with style():
        figure = Figure(figsize=(9.2, 2.4), layout='constrained')
        axes = figure.add_subplot()
        at = [axis.at[e.uuid] for e in life.episodes]
        drawn: list[float] = []
        for name, color in (('late', COLORS[1]), ('skipped', COLORS[3])):
            shares = [100.0 * getattr(e, name) / (e.ticks + e.skipped) for e in life.episodes]
            axes.plot(at, shares, '-o', color=color, markersize=3, linewidth=0.8, label=name)
            drawn += shares
        axis.mark(axes)
        _from_zero(axes, drawn)
        axes.set_xlabel(axis.label)
        axes.set_ylabel('ticks (%)')
        _legend(axes)
        return data_uri(figure)


def sources_plot(episodes: Sequence[EpisodeFigures]) -> str | None:
    """Who decided what was sent: shares of ticks, a bar per episode."""
    if not episodes:
        return None
    with style():
        figure = Figure(figsize=(9.2, 2.6), layout='constrained')
        axes = figure.add_subplot()
        order = range(1, len(episodes) + 1)
        bottom = [0.0] * len(episodes)
        for source, color in SOURCE_COLORS.items():
            shares = [100.0 * e.sources.get(source, 0) / e.ticks for e in episodes]
            if any(shares):
                axes.bar(order, shares, 1.0, bottom, color=color, label=source, linewidth=0)
                bottom = [b + s for b, s in zip(bottom, shares, strict=True)]
        axes.set_xlim(0.4, len(episodes) + 0.6)
        axes.set_ylim(0, 100)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlabel('episode, in order')
        axes.set_ylabel('ticks (%)')
        _legend(axes)
        return data_uri(figure)


def _from_zero(axes: Any, values: Sequence[float]) -> None:
    """Let the axis begin at 0, and be an axis where nothing but 0 was drawn."""
    finite = [value for value in values if math.isfinite(value)]
    axes.set_ylim(0, None if max(finite, default=0.0) > 0 else 1)


def _handle(mark: str, color: str, label: str) -> Line2D:
    return Line2D([], [], marker=mark, color=color, linestyle='none', markersize=5, label=label)


def _legend(axes: Any, handles: Sequence[Line2D] | None = None) -> None:
    given = {} if handles is None else {'handles': handles}
    axes.legend(loc='upper left', bbox_to_anchor=(1.0, 1.0), **given)
