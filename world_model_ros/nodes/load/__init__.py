# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The other side of the benchmarks: what loads, breaks and times our nodes through their topics.

Here and not in `bench/`, because only `nodes/` may import rclpy. No robot runs any of it.
"""
