# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a rosbag2 recording and what they hold, with or without its metadata.yaml.

Owns what a bag is on disk: one or more .mcap or .db3 files of one folder, in their order. The
metadata is not read: a killed recorder leaves none, and all that counts is in the files. Must not
import ROS or torch.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from world_model_ros.experience.bag import Qos, Topic, read_qos
from world_model_ros.experience.read.importers.arrived import ImportRefused

SUFFIXES = ('.mcap', '.db3')
_PACKED = tuple(f'{suffix}.zstd' for suffix in SUFFIXES)
ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
# Writers store what several threads hand over: nearly in the order of time. What is further back
# than this is no disorder, but a clock that jumped.
DISORDER_NS = 1_000_000_000
DISORDER_BYTES = 256 << 20  # kept back at most while messages are put in order


class BagMessage(NamedTuple):
    """A message as it is stored."""

    topic: str
    log_ns: int
    data: bytes


@dataclass
class BagTopic:
    """What a bag says of one of its topics."""

    topic: Topic
    encoding: str = 'cdr'
    count: int = 0


@dataclass
class BagFile:
    """One file of a bag: its topics, and a way to walk its messages in stored order."""

    path: Path
    topics: dict[str, BagTopic]
    walk: Callable[[], Iterator[BagMessage]]
    notes: list[str] = field(default_factory=list)  # damage


def is_bag(path: Path) -> bool:
    """Whether a path is a file of a bag, or a folder with some."""
    if path.is_file():
        return path.name.endswith(SUFFIXES)
    return path.is_dir() and any(f.name.endswith((*SUFFIXES, *_PACKED)) for f in path.iterdir())


def bag_files(path: Path) -> list[Path]:
    """The files of a bag in their order.

    Raises:
        ImportRefused: there are none that can be read.
    """
    if path.is_file():
        return [path]
    found = sorted(
        (file for file in path.iterdir() if file.name.endswith(SUFFIXES) and file.is_file()),
        key=lambda file: [int(t) if t.isdigit() else t for t in re.split(r'(\d+)', file.name)],
    )
    packed = [file.name for file in path.iterdir() if file.name.endswith(_PACKED)]
    if packed and len(packed) > len(found):
        raise ImportRefused(
            f'{path}: {packed[0]} is compressed as a file: unpack it first (zstd -d {packed[0]}), '
            'or convert the bag (ros2 bag convert)'
        )
    if not found:
        raise ImportRefused(
            f'{path}: expected a folder with .mcap or .db3 files, found none: name the folder '
            'that ros2 bag record made'
        )
    return found


def offered_qos(text: str) -> tuple[Qos, ...]:
    """The QoS stored with a topic; the default where it cannot be read."""
    try:
        return read_qos(text) or (Qos(),)
    except ValueError:
        return (Qos(),)


def in_order(messages: Iterable[BagMessage]) -> Iterator[BagMessage]:
    """Messages by time, as far as they are out of order by less than DISORDER_NS.

    A clock that jumps back by more is left as it is.
    """
    held: list[tuple[int, int, BagMessage]] = []
    number, held_bytes, newest_ns = itertools.count(), 0, 0
    for message in messages:
        if held and message.log_ns < newest_ns - DISORDER_NS:
            while held:
                yield heapq.heappop(held)[2]
            held_bytes = 0
            newest_ns = message.log_ns
        newest_ns = max(newest_ns, message.log_ns)
        heapq.heappush(held, (message.log_ns, next(number), message))
        held_bytes += len(message.data)
        while held and (held[0][0] < newest_ns - DISORDER_NS or held_bytes > DISORDER_BYTES):
            oldest = heapq.heappop(held)[2]
            held_bytes -= len(oldest.data)
            yield oldest
    while held:
        yield heapq.heappop(held)[2]
