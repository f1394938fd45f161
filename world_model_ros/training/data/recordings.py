# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A plain folder of episodes, as the recorder writes it, as a place to learn from.

Owns what stands for an episode there, beside a store's. The folder is read and never changed.
Must not import torch, ROS or a simulator.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from world_model_ros.contract.names import NameRefused, check_name
from world_model_ros.durable import read_regular
from world_model_ros.experience.bag import METADATA_FILE
from world_model_ros.experience.episode_limits import METADATA_BYTES
from world_model_ros.experience.read.reader import list_episodes
from world_model_ros.store import EpisodeRef, StoreError, StoreMissing, parse_url
from world_model_ros.store.episode_store import day_of
from world_model_ros.store.keys import FORMAT_KEY

NOBODY = 'unknown'  # who recorded it, where no metadata says so
OWN_STORE = 'store'  # in a trainer's folder: releases of what it learned from a plain folder
# What metadata of another recorder, or a damaged one, may lead to.
_UNUSABLE = (
    OSError,
    yaml.YAMLError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)


class Recordings:
    """The sealed episodes below one folder, also of the robots' folders in it.

    Raises:
        StoreError: the folder cannot be read; as a store that is away, it may come back.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._refs: dict[Path, EpisodeRef] = {}  # what was read of their metadata

    def look(self) -> list[EpisodeRef]:
        """Return what is sealed now, oldest first."""
        if not self.folder.is_dir():
            raise StoreError(str(self.folder), '', 'the folder of episodes is not there')
        refs = {}
        for path in list_episodes(self.folder):
            try:
                check_name(path.name, 'episode')
            except NameRefused:
                continue  # no name that the ledger or a release could carry
            refs[path] = self._refs.get(path) or _ref(path)
        self._refs = refs
        return list(refs.values())

    def fetch(self, ref: EpisodeRef) -> Path:
        """Return where an episode lies: it is read in its place.

        Raises:
            StoreMissing: it is no longer there.
        """
        if not (path := Path(ref.key)).is_dir():
            raise StoreMissing(str(self.folder), path.name, 'the episode is no longer there')
        return path


def recordings_at(place: str, out: Path) -> Recordings | None:
    """The folder of episodes of this name; None where it is a store, or may become one.

    Args:
        place: a folder or a store's URL.
        out: the trainer's own folder. It remembers what the place was, so that a disk that is
            not mounted now is waited for.

    Raises:
        StoreUrlError: the name is neither a folder nor a URL.
    """
    folder = parse_url(place).folder
    if folder is None or (folder / FORMAT_KEY).is_file():
        return None
    before = (out / OWN_STORE / FORMAT_KEY).is_file()
    return Recordings(folder) if before or list_episodes(folder) else None


def _ref(path: Path) -> EpisodeRef:
    about = _about(path / METADATA_FILE)
    robot_id, started = about.get('robot_id', ''), about.get('started_ns', '')
    try:
        check_name(robot_id, 'robot_id')
    except NameRefused:
        robot_id = NOBODY
    started_ns = int(started) if started.isdecimal() and len(started) < 20 else 0
    interface = about.get('interface_hash', '')
    return EpisodeRef(str(path), path.name, robot_id, day_of(started_ns), interface)


def _about(metadata: Path) -> dict[str, str]:
    """What metadata.yaml says of its episode; nothing where it cannot be read.

    Whether the episode itself can be read is found out by the process that reads it.
    """
    try:
        content = yaml.safe_load(read_regular(metadata, METADATA_BYTES))
        about = content['rosbag2_bagfile_information']['custom_data']
        return {key: value for key, value in about.items() if isinstance(value, str)}
    except _UNUSABLE:
        return {}
