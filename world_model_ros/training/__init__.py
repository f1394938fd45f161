# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learning off the robot: learner, replay, export, metrics."""
