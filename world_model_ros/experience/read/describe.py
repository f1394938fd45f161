# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a folder of recordings holds: a row for each episode, and what is wrong with it.

An episode may be anything; one that cannot be read never hides the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.experience.bag import ACTIVE_SUFFIX
from world_model_ros.experience.read.check import check_episode
from world_model_ros.experience.read.labels import read_label
from world_model_ros.experience.read.reader import EpisodeReader, list_episodes
from world_model_ros.experience.read.rebuild import read_ticks
from world_model_ros.experience.record.began import began
from world_model_ros.strict_json import strict_json


def describe_folder(folder: Path) -> list[dict[str, Any]]:
    """A row for each episode, oldest first, also for those that are being recorded."""
    paths = list_episodes(folder, active=True)
    return [row for path in paths if (row := describe_now(path)) is not None]


def describe_now(path: Path) -> dict[str, Any] | None:
    """A row for what was there a moment ago: a recorder may have sealed or deleted it since."""
    sealed = path.with_name(path.name.removesuffix(ACTIVE_SUFFIX))
    for name in dict.fromkeys((path, sealed)):
        try:
            row = describe(name)
        except FileNotFoundError:
            continue
        if name.is_dir():
            return row
    return None


def describe(path: Path) -> dict[str, Any]:
    """One row of the list; an unreadable episode is a row too."""
    row: dict[str, Any] = {
        'name': path.name,
        'path': str(path),
        'bytes': sum(file.stat().st_size for file in path.iterdir()),
    }
    try:
        return {**row, **_described(path)}
    except FileNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001 - an episode may be anything; the others are listed
        return {**row, 'state': f'unreadable: {_short(error)}'}


def _described(path: Path) -> dict[str, Any]:
    reader = EpisodeReader(path)
    ticks = read_ticks(reader)
    contents, label = reader.contents, read_label(path)
    rewards = np.array([record.reward for record in ticks])
    measured = rewards[np.isfinite(rewards)]
    start = began(contents.start_ns, reader.info.announced)
    return {
        'robot_id': reader.info.robot_id,
        'began': start.utc,
        'simulated_time': start.simulated_time,
        'seconds': max(0.0, (contents.end_ns - contents.start_ns) * 1e-9),
        'ticks': len(ticks),
        'return': float(measured.sum()) if measured.size else None,
        'state': reader.end.status,
        'imported': imported_from(reader.info.announced),
        'imagined': imagined_words(reader.imagined),
        'label': '' if label is None else label.outcome,
    }


def imagined_words(mark: str) -> str:
    """What an imagined robot began from, in words; '' for the mark '' of any other robot."""
    if not mark:
        return ''
    try:
        origin = strict_json(mark)
        return (
            f'imagined by the bundle {origin["bundle"]} from tick {origin["tick"]} of episode '
            f'{origin["episode"]} of {origin["robot_id"]}'
        )
    except (ValueError, KeyError, TypeError):
        return 'imagined, from an unknown beginning'


def imported_from(announced: str) -> str:
    """Where an episode was imported from, by its announcement; '' for a recorded one."""
    try:
        origin = strict_json(announced)['imported']['from']
    except (ValueError, KeyError, TypeError):
        return ''
    return origin if isinstance(origin, str) else ''


def problems_of(path: Path, *, rebuild: bool) -> list[str]:
    """What is wrong with an episode; `rebuild`: make every tick again and compare, too."""
    try:
        return check_episode(path, rebuilt=rebuild)
    except Exception as error:  # noqa: BLE001 - an episode may be anything; the others are checked
        return [f'{path}: cannot be read: {type(error).__name__}: {_short(error)}']


def _short(error: Exception) -> str:
    return ' '.join(str(error).split())[:500]


def episodes_at(path: Path) -> list[Path]:
    """An episode itself, or all below a folder; what is missing stays, to be reported."""
    if path.is_file() or not path.is_dir() or list(path.glob('*.mcap')):
        return [path]
    return list_episodes(path, active=True)
