# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What stands beside a figure so that it can be measured again: versions, day and source."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
from typing import Any

from world_model_ros.evaluation.rows import git_state


def versions(*packages: str) -> dict[str, str]:
    """Of ROS and of what takes part; '' where it is not installed."""
    found = {'ros': os.environ.get('ROS_DISTRO', '')}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ''
    return found


def origin() -> dict[str, Any]:
    """When, and of which source."""
    source = git_state()
    day = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d')
    return {'date': day, 'commit': source.commit, 'dirty': source.dirty}
