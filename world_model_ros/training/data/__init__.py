# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is learned from: uploaded episodes, replay, and the mixture of a batch."""
