# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of other people into episodes, and episodes into a LeRobot dataset.

Owns what a foreign recording means for a contract. A source (rosbag_source.py, lerobot_source.py)
gives messages in the order of their arrival; the agent's own inputs, schedule and assembly turn
them into ticks (retick.py); the recorder's writer stores both (import_episodes.py). Everything in
a foreign file is untrusted. Must not import ROS or torch.
"""
