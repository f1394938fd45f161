# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One view of a running robot and its trainer, and how a terminal shows it.

Also what `demo` runs, and whether live topics are what a robot needs.

Must not import ROS or torch.
"""
