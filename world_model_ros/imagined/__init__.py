# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The learned world as a place to act in: a model's imagination behind the seam of a body.

Owns where it begins, how it moves on, how far it is from what was recorded, and pictures of real
beside imagined. May import contract, bundle, onboard, experience and robots; must not import ROS,
torch or a simulator.
"""

from world_model_ros.imagined.beginning import Beginning, begin_world
from world_model_ros.imagined.imagined_body import ImaginedBody, imagined_robot
from world_model_ros.imagined.known import Known
from world_model_ros.imagined.recorded_beliefs import ImaginedError, Recorded, believe, find_start
from world_model_ros.imagined.world import ImaginedWorld, Start, Stepped

__all__ = [
    'Beginning',
    'ImaginedBody',
    'ImaginedError',
    'ImaginedWorld',
    'Known',
    'Recorded',
    'Start',
    'Stepped',
    'begin_world',
    'believe',
    'find_start',
    'imagined_robot',
]
