# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The last code before the robot, without ROS: chunks in, one bounded command per sample out.

`arbiter.py` decides who commands, `chunks.py` holds what was asked for, `motion.py` keeps each
step inside the limits, `safe_action.py` and `hold.py` bring the robot to rest, `latch.py` keeps a
stop over a restart.
docs/reference/guard.md has the table of states and events. Must not import ROS, torch, ONNX
Runtime or a bundle. The simulator environment, lockstep and the guard node all sample through
`Guard`, so that an action means the same in training and on the robot.
"""

from world_model_ros.onboard.guard.arbiter import Guard, GuardCommand
from world_model_ros.onboard.guard.chunks import MAX_CHUNK_STEPS
from world_model_ros.onboard.guard.motion import Limits

__all__ = ['MAX_CHUNK_STEPS', 'Guard', 'GuardCommand', 'Limits']
