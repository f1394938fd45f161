# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Thin rclpy executables, one per file; the only package that imports rclpy."""
