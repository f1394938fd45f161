# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The runtime of the agent without ROS: worker, schedule, inputs, chunks, episode phase."""
