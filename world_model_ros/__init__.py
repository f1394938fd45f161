# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""World models on ROS 2 robots. Each folder says in its docstring what it owns and may import."""
