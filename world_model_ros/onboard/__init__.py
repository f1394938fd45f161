# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What runs on the robot at every tick: numpy, a bundle's ONNX sessions, no ROS, no torch."""
