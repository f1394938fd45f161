# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Room on a trainer's disk, asked before anything is written through a memory map.

A page that finds no room there ends the process with SIGBUS; no OSError comes first. Must not
import torch, ROS or a simulator.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

# Left free for what else writes to the trainer's disk: a checkpoint, an exported bundle.
SPARE_BYTES = 128 << 20
Free = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """Return what is free on the disk of a folder."""
    return shutil.disk_usage(folder).free


def check_room(folder: Path, need: int, free: Free = free_bytes) -> None:
    """Ask for ``need`` bytes beside the spare ones.

    Raises:
        OSError: they are not there.
    """
    need, found = need + SPARE_BYTES, free(folder)
    if found < need:
        raise OSError(
            f'{folder}: {found >> 20} MiB free, {-(-need >> 20)} MiB needed; make room there'
        )
