# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The last code before the robot, without ROS: chunks in, one bounded command per sample out.

`arbiter.py` decides who commands, by `sources.py`, `locks.py` and `zones.py`; `chunks.py` holds
what was asked for. `stepping.py` makes one command of it: `motion.py` keeps each step inside the
limits, `safe_action.py` and `hold.py` bring the robot to rest, `keep_out/` judges where its links
would be. `latch.py` keeps a stop over a restart.
docs/reference/guard.md has the table of states and events. Must not import ROS, torch, ONNX
Runtime or a bundle. The simulator environment, lockstep and the guard node all sample through
`Guard`, so that an action means the same in training and on the robot.
"""

from world_model_ros.onboard.guard.arbiter import Guard
from world_model_ros.onboard.guard.chunks import MAX_CHUNK_STEPS
from world_model_ros.onboard.guard.guard_command import GuardCommand
from world_model_ros.onboard.guard.motion import Limits

__all__ = ['MAX_CHUNK_STEPS', 'Guard', 'GuardCommand', 'Limits']
