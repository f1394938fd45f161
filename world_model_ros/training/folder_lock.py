# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One trainer per folder. Must not import ROS, torch or a simulator."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO


class FolderInUse(RuntimeError):
    """Another trainer works in the same folder."""


def hold(folder: Path) -> TextIO:
    """Hold the folder as long as this process lives, or the returned file is open.

    Raises:
        FolderInUse: another trainer has it.
    """
    file = (folder / 'lock').open('w')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise FolderInUse(
            f'{folder}: another trainer works here; give another --out, or end it first'
        ) from None
    return file
