# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a store as one HTML page: data, plots, page.

Must not import ROS or torch.
"""
