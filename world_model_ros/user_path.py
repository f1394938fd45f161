# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Paths as people write them: `~` is a home folder. Imports nothing of ours."""

from __future__ import annotations

from pathlib import Path


def user_path(given: str | Path) -> Path:
    """`~` and `~USER` expanded.

    Raises:
        ValueError: there is no such user. pathlib raises RuntimeError, which would end a node that
            was given such a path in a parameter.
    """
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise ValueError(
            f'{given}: begins with ~ and the name of no user here; write ~/ for your own home, '
            'or the whole path'
        ) from None
