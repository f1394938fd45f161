# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files that end up on the disk: whole writes, syncs, locks, free space, names.

Owns every call by which an episode touches the file system. Must not import ROS or torch.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from world_model_ros.experience.bag import ACTIVE_SUFFIX, METADATA_FILE

# In the .active directory: space set aside, given back when the disk is full.
RESERVE_FILE = 'reserve'
# A recording before its file is locked: nobody takes it for a leftover under this name.
NEW_SUFFIX = '.new'
UNREADABLE_FOLDER = 'unreadable'  # beside the episodes: what cannot be sealed, never deleted
FILE_MODE, FOLDER_MODE = 0o640, 0o750  # pictures of where the robot is: not for everybody
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
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
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
    write_new(directory / METADATA_FILE, text)


def write_new(path: Path, text: str) -> None:
    """Write a text file in the place of any other of its name, never through a link."""
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    with os.fdopen(fd, 'w', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def free_name(root: Path, uuid: str) -> str:
    """`uuid`, or `uuid-2`: a recorder that restarts within an episode writes a second part."""
    part, name = 1, uuid
    while any(os.path.lexists(root / (name + suffix)) for suffix in ('', *OUR_SUFFIXES)):
        part += 1
        name = f'{uuid}-{part}'
    return name


class Locked(Exception):
    """Another process is writing the file, or is at work on it."""


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Keep every other recorder away from a file; it is held until this ends, renames included.

    Raises:
        Locked: another process holds it, or has renamed it meanwhile.
        OSError: it is no plain file, or cannot be opened.
    """
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, 'not a plain file', str(path))
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(f'{path} is being written') from None
        try:
            same = os.path.samestat(about, os.lstat(path))
        except FileNotFoundError:
            same = False
        if not same:
            raise Locked(f'{path} is another file now')
        yield
    finally:
        os.close(fd)


def plain_names(folder: Path) -> set[str]:
    """Names of the plain files in a folder; folders, links and pipes have a / behind them."""
    return {
        entry.name if entry.is_file(follow_symlinks=False) else f'{entry.name}/'
        for entry in os.scandir(folder)
    }


def remove_own(folder: Path, names: set[str]) -> bool:
    """Remove a folder that holds nothing but these plain files of ours; whether it did."""
    if folder.is_symlink() or not plain_names(folder) <= names:
        return False
    for name in plain_names(folder):
        (folder / name).unlink()
    folder.rmdir()
    return True
