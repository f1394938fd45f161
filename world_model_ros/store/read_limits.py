# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much is taken from a store at most, and the reading that stops there.

Owns the caps on objects and folders. An object's size is asked before its body is read, and the
body is counted while it comes: a store that lies about sizes ends at the cap, too.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# Records and status documents are some kB; a release record names 200 episodes of 200 bytes.
RECORD_BYTES = 1 << 20
# A strip is a PNG of some 100 kB.
PICTURE_BYTES = 8 << 20
# An hour of three cameras as they are drawn by the model is under 2 GiB.
EPISODE_BYTES = 8 << 30
# The largest bundle that was ever exported has 600 MB.
RELEASE_BYTES = 4 << 30
# An episode has two files, a bundle ten.
FOLDER_FILES = 64


class TooLarge(ValueError):
    """More bytes than were allowed; the text says how many of how many."""


def limited(pieces: Iterable[bytes], limit: int, announced: int = 0) -> Iterator[bytes]:
    """Pass pieces on until they are more than `limit` bytes in all.

    Raises:
        TooLarge: they are, or `announced`, the size that the store tells, is.
    """
    if announced > limit:
        raise TooLarge(f'{announced} bytes, at most {limit} are taken')
    count = 0
    for piece in pieces:
        count += len(piece)
        if count > limit:
            raise TooLarge(f'more than the {limit} bytes that are taken')
        yield piece


def check_folder(files: Mapping[str, Mapping[str, Any]], limit: int) -> None:
    """Whether the files of a record may be fetched at all.

    Raises:
        TooLarge: more files or bytes than a folder may have.
    """
    total = sum(int(entry['size']) for entry in files.values())
    if len(files) > FOLDER_FILES:
        raise TooLarge(f'{len(files)} files, at most {FOLDER_FILES} are taken')
    if total > limit:
        raise TooLarge(f'{total} bytes, at most {limit} are taken')


def check_room(folder: Path, need: int) -> None:
    """Ask the disk of a folder for `need` bytes before anything is written there.

    Raises:
        OSError: it has not so many now.
    """
    free = shutil.disk_usage(folder).free
    if free < need:
        reason = f'{os.strerror(errno.ENOSPC)}: {free} bytes free, {need} needed'
        raise OSError(errno.ENOSPC, reason, str(folder))
