# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What decides at a tick: belief, planner, exploration noise, and the swap of the model."""
