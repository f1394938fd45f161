# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The DDS domain of a benchmark: no robot on this machine hears it, nor a second benchmark."""

from __future__ import annotations

import os


def bench_domain() -> int:
    """A domain of this process; WORLD_MODEL_BENCH_DOMAIN overrides it."""
    return int(os.environ.get('WORLD_MODEL_BENCH_DOMAIN', 40 + os.getpid() % 60))


def keep_to_itself() -> int:
    """Put this process and its children on a domain of their own; its number.

    Whatever the user has set: these processes command a robot.
    """
    domain = bench_domain()
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    return domain
