# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks and fault injectors, with their load generators. Nothing below imports them."""
