# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fault injectors: each file attacks one part of the system and counts violations."""
