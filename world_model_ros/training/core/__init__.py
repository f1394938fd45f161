# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learning: the update, its checkpoints, a run in simulation, and the trainer as a service."""
