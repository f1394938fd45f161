# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a robot does with a release: preflight, slots, the updater's state machine.

May import contract, bundle, onboard and store. Must not import ROS or torch.
"""
