# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The live view in a browser: what a robot sees, believes and imagines, and the hands to stop it.

Owns the page, its server and its protocol (docs/reference/view.md), and how beliefs are made again
from what the robot publishes anyway. Must not import ROS or torch; `nodes/dashboard.py` is the
node around it.
"""
