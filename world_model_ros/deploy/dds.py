# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DDS around what is started here: how far it reaches, and what helps where it loses pictures."""

from __future__ import annotations

import os
import random

from world_model_ros.contract import config_directories
from world_model_ros.deploy.nodes_table import DDS_PROFILE, DDS_PROFILE_VARIABLES

# Domains that no operating system's ephemeral ports collide with (ROS 2's documentation).
_DOMAINS = range(1, 102)


def keep_dds_on_this_machine() -> None:
    """Never meet another robot, nor another demo, by accident; what the user set stays."""
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    if 'ROS_DOMAIN_ID' not in os.environ:
        os.environ['ROS_DOMAIN_ID'] = str(random.choice(_DOMAINS))


def segment_remedy() -> str:
    """What helps where DDS loses pictures."""
    files = [folder / DDS_PROFILE for folder in config_directories()]
    found = next((str(file) for file in files if file.is_file()), f'config/{DDS_PROFILE}')
    return (
        'the shared-memory segment of Fast DDS (512 KiB, of the process that publishes) is too '
        f'small for its pictures: start the camera driver with {DDS_PROFILE_VARIABLES[0]}={found} '
        f'(Fast DDS 3: {DDS_PROFILE_VARIABLES[1]}), or send smaller pictures'
    )
