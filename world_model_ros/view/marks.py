# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Moments that the curves show: where the robot became another one, and marks of an episode.

Input: what was heard of a robot, and the announcement of its episode, which anybody may publish.
Output: plain data, as docs/reference/view.md lists it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from world_model_ros.telemetry.robot_view import RobotView

MOST_MARKS = 32  # the newest of an episode
LONGEST = 60  # characters
_LAST_NS = 1 << 63


def marks_of(view: RobotView, episode: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Moments, oldest first: `t_ms` by the robot's clock, `words`, and whether it was a knock."""
    found = [
        {'t_ms': stamp // 1_000_000, 'words': 'mark', 'knock': False}
        for stamp in _stamps(episode.get('marks'))
    ]
    change = view.change
    if change is not None:
        words = f'knocked: {change.reality}'[:LONGEST]
        found.append({'t_ms': change.t_ns // 1_000_000, 'words': words, 'knock': True})
    return sorted(found, key=lambda row: row['t_ms'])


def _stamps(marks: Any) -> list[int]:
    if not isinstance(marks, list):
        return []
    return [
        stamp
        for stamp in marks[-MOST_MARKS:]
        if isinstance(stamp, int) and not isinstance(stamp, bool) and 0 <= stamp < _LAST_NS
    ]
