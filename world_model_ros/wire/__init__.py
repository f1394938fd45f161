# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ROS messages as bytes (CDR), fields and arrays, without ROS.

May import contract; must not import ROS, torch or any other folder of this package.
"""
