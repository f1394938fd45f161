# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which sealed episodes are in a store, remembered beside them across starts.

Owns `.shipped` in the folder of the episodes: one line for each, appended and checksummed. It only
saves questions: a line that is lost or damaged costs one look into the store, nothing more, so it
is never repaired and the file may be deleted at any time. Imports no rclpy.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

FILE = '.shipped'
MAX_BYTES = 32 << 20  # 250,000 episodes; beyond, the store is asked again
MODE = 0o640


class Shipped:
    """The names of episodes that are complete in one store. One thread uses it."""

    def __init__(self, root: Path, url: str) -> None:
        """Read what is there; raises nothing."""
        self._path = root / FILE
        self._url = hashlib.sha256(url.encode()).hexdigest()[:16]
        self._names: set[str] = set()
        with contextlib.suppress(OSError):
            self._read()

    def __contains__(self, name: str) -> bool:
        """Whether an episode is known to be there."""
        return name in self._names

    def add(self, name: str) -> None:
        """Remember one; on a disk that refuses, until this process ends."""
        self._names.add(name)
        line = f'{self._digest(name)} {self._url} {name}\n'
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            fd = os.open(self._path, flags, MODE)
            try:
                # A line that a kill cut short is ended first.
                os.write(fd, f'\n{line}'.encode())
            finally:
                os.close(fd)

    def _read(self) -> None:
        fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, 'rb') as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
                return
            for line in file.read(MAX_BYTES).decode(errors='replace').splitlines():
                digest, _, rest = line.partition(' ')
                url, _, name = rest.partition(' ')
                if url == self._url and digest == self._digest(name):
                    self._names.add(name)

    def _digest(self, name: str) -> str:
        return hashlib.sha256(f'{self._url} {name}'.encode(errors='replace')).hexdigest()[:12]
