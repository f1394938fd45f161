# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What runs where: the table of processes, their parameters, a supervisor, launch arguments.

And what this machine has and lacks for it.

May import contract and bundle; must not import ROS or torch.
"""
