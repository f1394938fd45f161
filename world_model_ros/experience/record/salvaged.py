# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What was found in a damaged recording, and its file put right in place.

Damaged bytes stay in the file, inside of a private record (MCAP: opcodes from 0x80 on) that every
reader skips; of them only the first nine change, and those are written down. Must not import ROS
or torch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from world_model_ros.experience.read.scan import Contents
from world_model_ros.experience.record.salvage_bytes import FRAME, PRIVATE_OPCODE

COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Region:
    """Bytes of the file that cannot be read."""

    start: int
    end: int
    why: str
    head: str  # the first nine bytes, hexadecimal: they are overwritten

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.start


@dataclass
class Salvaged:
    """What is readable, and how the file becomes one that every reader can walk."""

    contents: Contents
    regions: list[Region] = field(default_factory=list)
    patches: list[tuple[int, bytes]] = field(default_factory=list)  # offset, new bytes
    lost_channels: set[int] = field(default_factory=set)  # with messages, without definition
    torn: int = 0  # bytes of a record that the end of the file cut off

    @property
    def damaged(self) -> bool:
        """Whether something else than a cut-off end is wrong."""
        return bool(self.regions or self.patches or self.lost_channels)


def close_gaps(salvaged: Salvaged) -> list[Region]:
    """Take regions out of the file that are too small to be covered; then `salvage` it again.

    Returns:
        The regions; their `head` is all that was in them.
    """
    gaps = sorted(
        (region for region in salvaged.regions if region.size < FRAME.size),
        key=lambda region: region.start,
    )
    if not gaps:
        return []
    with salvaged.contents.path.open('r+b') as file:
        for region in reversed(gaps):
            source, target = region.end, region.start
            while True:
                file.seek(source)
                piece = file.read(COPY_BYTES)
                file.seek(target)
                file.write(piece)
                source, target = source + len(piece), target + len(piece)
                if len(piece) < COPY_BYTES:
                    break
            file.truncate(target)
        file.flush()
        os.fsync(file.fileno())
    return gaps


def put_right(salvaged: Salvaged) -> None:
    """Write the patches and cover the damaged bytes; the file is synced by whoever closes it."""
    with salvaged.contents.path.open('r+b') as file:
        for offset, new in salvaged.patches:
            file.seek(offset)
            file.write(new)
        for region in salvaged.regions:
            file.seek(region.start)
            file.write(FRAME.pack(PRIVATE_OPCODE, region.size - FRAME.size))
        file.flush()
        os.fsync(file.fileno())
