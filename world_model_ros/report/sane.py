# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether what a store tells can be drawn: numbers in range, names that fit.

What cannot is named among the things that could not be read; it ends no report. Imports neither
ROS nor torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from world_model_ros.experience import EpisodeError
from world_model_ros.experience.read.figures import EpisodeFigures
from world_model_ros.releases import Release

LARGEST = 1e12  # of any figure; axes cannot be divided beyond
LATEST_NS = 1 << 62  # in the year 2116
NAME_CHARACTERS = 60
STREAMS = 100


def label(name: str, most: int = NAME_CHARACTERS) -> str:
    """A name as it can stand in a table and a plot: printable, on one line, not too long."""
    shown = ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    return shown if len(shown) <= most else shown[: most - 1] + '…'


def drawable(episode: EpisodeFigures) -> EpisodeFigures:
    """The episode with names that fit.

    Raises:
        EpisodeError: a figure that no robot could have, or that nobody could draw.
    """
    # Missing figures are NaN; whatever is there must be in range.
    numbers: list[float] = [
        episode.total_reward, episode.seconds, episode.ticks, episode.lost, episode.late,
        episode.skipped, episode.t_ns / 1e9, *episode.releases,
        *(value for pair in episode.surprise.values() for value in pair),
        *(s.age_p50_s for s in episode.streams.values()),
        *(s.age_p99_s for s in episode.streams.values()),
    ]  # fmt: skip
    largest = _largest(numbers)
    if largest > LARGEST:
        raise EpisodeError(f'a figure of {largest:g}: no robot has it')
    if len(episode.streams) > STREAMS:
        raise EpisodeError(f'{len(episode.streams)} streams, at most {STREAMS} are drawn')
    return replace(
        episode,
        contract=label(episode.contract),
        status=label(episode.status),
        streams={label(name): figures for name, figures in episode.streams.items()},
    )


def release_trouble(release: Release) -> str:
    """Why a release cannot be drawn; '' if it can."""
    if not 0 < release.published_ns < LATEST_NS:
        return 'published_ns is no time'
    for name, value in (
        ('number', release.number),
        ('updates', release.updates),
        ('episode_count', release.episode_count),
    ):
        if not 0 <= value <= LARGEST:
            return f'{name} is out of range'
    figures = (v for v in release.gate.values() if isinstance(v, (int, float)))
    if any(not abs(value) <= LARGEST for value in figures):
        return 'a figure of its gate is out of range'
    return ''


def _largest(numbers: Iterable[float]) -> float:
    found = [abs(number) for number in numbers if not math.isnan(number)]
    return max(found, default=0.0)
