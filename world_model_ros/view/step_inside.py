# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command that steps into the model at the moment that the page shows.

Input: places and bundles, also as topics name them, which anybody may publish on. Output: one line
that a person pastes into a shell.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

LONGEST = 2_000  # characters of the line


def inside_line(place: str, bundle: str = '') -> str:
    """The command line that begins in a place of a recording; '' for what no shell should get."""
    words = ['world-model', 'imagine', '--from', place]
    words += ['--bundle', bundle] if bundle else []
    line = shlex.join(words)
    usable = place and not place.startswith('-') and line.isprintable() and len(line) <= LONGEST
    return line if usable else ''


def inside_now(last_episode: str, release: Mapping[str, Any]) -> str:
    """The same for a running robot: the newest tick of the folder that it records to.

    `last_episode` is what the recorder sealed last, '' until then; `release` is the agent's.
    """
    if not last_episode:
        return ''
    acting = release.get('acting') or {}
    return inside_line(str(PurePath(last_episode).parent), str(acting.get('bundle') or ''))
