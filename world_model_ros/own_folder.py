# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Deleting a folder of ours, and nothing else: by its files' names, never through a link.

Plain Python: imports neither rclpy nor torch.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path


def check_own(folder: Path, names: Collection[str]) -> None:
    """Whether a folder holds only plain files of these names; one that is not there does.

    Raises:
        FileExistsError: it holds something else, or is no folder.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise FileExistsError(f'{folder}: not a folder; move it away, or name another one')
    foreign = [
        path.name
        for path in sorted(folder.iterdir())
        if path.name not in names or path.is_symlink() or not path.is_file()
    ]
    if foreign:
        shown = ', '.join(map(repr, foreign[:3]))
        raise FileExistsError(
            f'{folder}: holds {shown}, which would be lost; move it away, or name another folder'
        )


def remove_own(folder: Path, names: Collection[str]) -> None:
    """Delete a folder that holds only plain files of these names; one that is gone is as good.

    Raises:
        FileExistsError: it holds something else; nothing was deleted.
        OSError: it cannot be deleted.
    """
    check_own(folder, names)
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
