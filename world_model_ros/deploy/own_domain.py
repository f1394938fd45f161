# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DDS of what is started here stays on this machine, unless the user has set something else."""

from __future__ import annotations

import os
import random

# Domains that no operating system's ephemeral ports collide with (ROS 2's documentation).
_DOMAINS = range(1, 102)


def keep_dds_on_this_machine() -> None:
    """Never meet another robot, nor another demo, by accident; what the user set stays."""
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    if 'ROS_DOMAIN_ID' not in os.environ:
        os.environ['ROS_DOMAIN_ID'] = str(random.choice(_DOMAINS))
