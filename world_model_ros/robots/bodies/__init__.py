# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated bodies: one file each, and those of other packages by entry point.

Must not import onboard, nodes, torch or rclpy.
"""

import os
import sys

if sys.platform.startswith('linux'):
    os.environ.setdefault('MUJOCO_GL', 'egl')  # read by mujoco at import, which comes later

from world_model_ros.robots.bodies.body import (
    Body,
    BodyError,
    BodyFactory,
    Demonstrates,
    DrawsTask,
    JointState,
    Judges,
    Senses,
    TakesKinds,
    TakesTask,
    Truncates,
)
from world_model_ros.robots.bodies.body_registry import BODIES, check_body, make_body

__all__ = [
    'BODIES',
    'Body',
    'BodyError',
    'BodyFactory',
    'Demonstrates',
    'DrawsTask',
    'JointState',
    'Judges',
    'Senses',
    'TakesKinds',
    'TakesTask',
    'Truncates',
    'check_body',
    'make_body',
]
