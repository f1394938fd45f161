# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bringing a robot up: whether machine, topics and files serve, and a first robot file."""
