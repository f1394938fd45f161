# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all plots of the report share: their look, where time runs, and how they enter the page.

Transparent, with lines in a grey and colours that are read on white and on black alike. Imports
neither ROS nor torch.
"""

from __future__ import annotations

import base64
import io
import math
from datetime import datetime, timezone
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from world_model_ros.report.data import Life

INK = '#808790'  # on white 3.7:1, on the dark page 4.6:1
HOUR_SEC = 3600.0
_STYLE: Any = {
    'text.parse_math': False,  # a robot may be called what it likes
    'svg.fonttype': 'none',
    'svg.hashsalt': 'report',
    'font.family': 'sans-serif',
    'font.size': 9,
    'text.color': INK,
    'axes.edgecolor': INK,
    'axes.labelcolor': INK,
    'axes.titlecolor': INK,
    'axes.titlesize': 9,
    'axes.facecolor': 'none',
    'axes.spines.top': False,
    'axes.spines.right': False,
    'xtick.color': INK,
    'ytick.color': INK,
    'legend.frameon': False,
    'legend.fontsize': 8,
    'legend.labelcolor': INK,
}


def style() -> Any:
    """The context in which every plot is drawn."""
    return mpl.rc_context(_STYLE)


class TimeAxis:
    """Where episodes and releases stand: by the hour, or by number where clocks start at zero."""

    def __init__(self, life: Life) -> None:
        self.at: dict[str, float] = {}
        self.releases: list[tuple[int, float]] = []
        if life.on_utc and life.episodes:
            start_ns = life.episodes[0].t_ns
            first = datetime.fromtimestamp(start_ns * 1e-9, timezone.utc)
            hours = (life.episodes[-1].t_ns - start_ns) * 1e-9 / HOUR_SEC
            unit, name = (1.0, 'hours') if hours > 3 else (60.0, 'minutes')
            self.label = f'{name} since {first:%Y-%m-%d %H:%M} UTC'

            def place(t_ns: int) -> float:
                return unit * (t_ns - start_ns) * 1e-9 / HOUR_SEC

            # A return is known at the end.
            self.at = {e.uuid: place(e.t_ns + round(e.seconds * 1e9)) for e in life.episodes}
            self.releases = [(r.number, place(r.published_ns)) for r in life.releases]
            lines = 'Vertical lines: releases, when they were published.'
            self.said = lines if self.releases else ''
        else:
            self.label = 'episode, in order'
            self.at = {e.uuid: float(i) for i, e in enumerate(life.episodes, 1)}
            acted: dict[int, float] = {}
            for episode in life.episodes:
                for number in episode.releases:
                    acted.setdefault(number, self.at[episode.uuid] - 0.5)
            self.releases = [(number, at) for number, at in sorted(acted.items()) if number]
            self.said = (
                "The robot's clock does not tell the time of day: episodes stand in order, "
                'releases where they first acted.'
            )

    def mark(self, axes: Any, numbers: bool = True) -> None:
        """Draw the releases; numbers that would run into each other are left out."""
        low, high = axes.get_xlim()
        last = -math.inf
        for _, at in self.releases:
            low, high = min(low, at), max(high, at)
        for number, at in sorted(self.releases, key=lambda pair: pair[1]):
            axes.axvline(at, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
            if numbers and at - last > 0.02 * (high - low):
                axes.annotate(
                    str(number), (at, 1.0), xycoords=('data', 'axes fraction'),
                    xytext=(0, 3), textcoords='offset points', ha='center', fontsize=8,
                )  # fmt: skip
                last = at
        axes.set_xlim(low, high)


def data_uri(figure: Figure) -> str:
    """An SVG that can stand in an img element."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='svg', transparent=True, metadata={'Date': None})
    return 'data:image/svg+xml;base64,' + base64.b64encode(buffer.getvalue()).decode()
