# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files that end up on the disk: whole writes, syncs, locks, free space, names.

Owns every call by which an episode touches the file system. Must not import ROS or torch.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import Protocol

from world_model_ros.experience.bag import ACTIVE_SUFFIX, METADATA_FILE

# In the .active directory: space set aside, given back when the disk is full.
RESERVE_FILE = 'reserve'
# A recording before its file is locked: nobody takes it for a leftover under this name.
NEW_SUFFIX = '.new'
OUR_SUFFIXES = (ACTIVE_SUFFIX, NEW_SUFFIX, '.part')  # of folders beside the episodes


class Sink(Protocol):
    """Where bytes go; the seam at which tests make the disk fail."""

    def write(self, data: bytes) -> int:
        """Write all of it, or raise OSError."""

    def tell(self) -> int:
        """Bytes written so far."""

    def flush(self) -> None:
        """Hand everything to the operating system."""

    def sync(self) -> None:
        """Return when it is on the disk."""

    def close(self) -> None:
        """Close; may be called twice."""


class FileSink:
    """An unbuffered file that writes all or raises: a short write is never taken for a whole."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        # Held while this process lives: another recorder must not take the file for a leftover.
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._position = 0

    def write(self, data: bytes) -> int:
        """Write all of it, or raise OSError."""
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            view = view[written:]
            self._position += written
        return len(data)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._position

    def flush(self) -> None:
        """Nothing is buffered here."""

    def sync(self) -> None:
        """Return when it is on the disk."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close; may be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def free_bytes(directory: Path) -> int:
    """Bytes an ordinary user may still write there."""
    return shutil.disk_usage(directory).free


def sync_directory(directory: Path) -> None:
    """Make names in a directory durable."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_metadata(directory: Path, text: str) -> None:
    """Write metadata.yaml, on the disk before this returns."""
    path = directory / METADATA_FILE
    with path.open('w', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def free_name(root: Path, uuid: str) -> str:
    """`uuid`, or `uuid-2`: a recorder that restarts within an episode writes a second part."""
    part, name = 1, uuid
    while (root / name).exists() or (root / (name + ACTIVE_SUFFIX)).exists():
        part += 1
        name = f'{uuid}-{part}'
    return name


def is_locked(path: Path) -> bool:
    """Whether a living process is writing the file."""
    with path.open('rb') as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
