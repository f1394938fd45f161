# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One process per folder: a trainer's, an updater's. Plain Python: neither ROS nor torch.

The lock is held as long as the work goes on, never tried and let go: what was free a moment ago
may be somebody's now.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

LOCK_FILE = 'lock'


class FolderInUse(RuntimeError):
    """Another process works in the same folder."""


def hold(folder: Path, who: str = 'another trainer', remedy: str = 'give another --out') -> IO:
    """Hold the folder as long as this process lives, or the returned file is open.

    Args:
        folder: it must be there.
        who: has it, if somebody has; for the message.
        remedy: what to do then.

    Raises:
        FolderInUse: another process has it.
        OSError: the lock's file cannot be made, or is a link.
    """
    # Never truncated, never through a link: `lock` may be a file of somebody else.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.fdopen(os.open(folder / LOCK_FILE, flags, 0o666), 'r+b', buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise FolderInUse(f'{folder}: {who} works here; {remedy}, or end it first') from None
    return file
