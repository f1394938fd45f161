# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a rosbag2 recording holds, for a first robot file: a folder, an .mcap or a .db3 file."""

from __future__ import annotations

from pathlib import Path

from rosbags.rosbag2 import Reader

from world_model_ros.bringup.observed import Observed, wanted_type

SUFFIXES = ('.mcap', '.db3')


class BagError(ValueError):
    """A bag that cannot be read; the text says which, why and what to do."""


def bag_topics(bag: Path) -> list[Observed]:
    """Every topic of a type that some kind takes, by name.

    Raises:
        BagError: there is no bag, or nothing in it can be read.
    """
    heard: dict[str, Observed] = {}
    for part in _parts(bag):
        try:
            _read(part, heard)
        except Exception as error:
            if any(row.count for row in heard.values()):
                break  # what came before the damage serves
            reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
            raise BagError(
                f'{part}: expected a rosbag2 recording (MCAP or sqlite3), got {reason}; check '
                'the path, or repair it: ros2 bag reindex'
            ) from error
    return [heard[topic] for topic in sorted(heard)]


def _parts(bag: Path) -> list[Path]:
    """What the reader opens: the folder, or its files where it has no metadata.yaml."""
    if not bag.is_dir() or (bag / 'metadata.yaml').is_file():
        if not bag.exists():
            raise BagError(f'{bag}: no such bag; give its folder, or an .mcap or .db3 file')
        return [bag]
    files = sorted(path for path in bag.iterdir() if path.suffix in SUFFIXES)
    if not files:
        raise BagError(f'{bag}: expected a folder with .mcap or .db3 files, found none')
    return files


def _read(part: Path, heard: dict[str, Observed]) -> None:
    with Reader(part) as reader:
        wanted = [row for row in reader.connections if wanted_type(row.msgtype)]
        for row in wanted:
            heard.setdefault(row.topic, Observed(row.topic, row.msgtype))
        if not wanted:
            return
        for connection, t_ns, cdr in reader.messages(wanted):
            if heard[connection.topic].type == connection.msgtype:
                heard[connection.topic].add(t_ns, cdr)
