# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Releases in the store: published by a trainer, found by robots.

May import contract and store; must not import ROS or torch.
"""

from world_model_ros.releases.plain import (
    Release,
    StoreConflict,
    fetch_release,
    latest_release,
    publish_release,
    read_release,
    releases,
)

__all__ = [
    'Release',
    'StoreConflict',
    'fetch_release',
    'latest_release',
    'publish_release',
    'read_release',
    'releases',
]
