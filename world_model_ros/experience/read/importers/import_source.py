# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a path holds that can be imported, and its recordings for a contract.

Owns the choice between a bag, a folder of bags and a LeRobot dataset. Must not import ROS or
torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from world_model_ros.contract import Contract
from world_model_ros.experience.bag import BEGIN_RECORD, EpisodeError
from world_model_ros.experience.episode_limits import LimitError
from world_model_ros.experience.read.importers.arrived import ImportRefused, Recording
from world_model_ros.experience.read.importers.import_map import ImportMap
from world_model_ros.experience.read.importers.rosbag_files import is_bag
from world_model_ros.experience.read.importers.rosbag_source import open_rosbag

REFUSED = (ImportRefused, EpisodeError, LimitError, OSError)


def open_source(
    path: Path, contract: Contract, names: ImportMap
) -> Iterator[Recording | tuple[str, Exception]]:
    """The recordings at a path; in the place of one that cannot be used its name and the reason.

    Raises:
        ImportRefused: nothing there can be imported.
    """
    if not path.exists():
        raise ImportRefused(f'{path}: no such file or folder')
    if path.is_dir() and (path / 'meta').is_dir():
        # Only here: a bag needs no pyarrow.
        from world_model_ros.experience.read.importers.lerobot_source import open_lerobot

        yield from open_lerobot(path, contract, names)
        return
    bags = [path] if is_bag(path) else _bags_below(path)
    if not bags:
        raise ImportRefused(
            f'{path}: expected a rosbag2 folder or file (.mcap, .db3), a folder of such, or a '
            'LeRobot dataset (meta/info.json): found none of them'
        )
    for bag in bags:
        try:
            _refuse_own_episode(bag)
            yield open_rosbag(bag, contract, names)
        except REFUSED as error:
            yield str(bag), error


def _bags_below(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and is_bag(folder))


def _refuse_own_episode(path: Path) -> None:
    """Refuse an episode of this package: it needs no import.

    Raises:
        ImportRefused: it is one.
    """
    marker = BEGIN_RECORD.encode()
    for file in [path] if path.is_file() else sorted(path.glob('*.mcap')):
        with file.open('rb') as opened:
            if marker in opened.read(4096):
                raise ImportRefused(
                    f'{path}: this is an episode of world_model_ros already: train reads it as it '
                    'is'
                )
