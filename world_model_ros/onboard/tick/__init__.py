# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One tick: messages to observations, the time grid, what was sent, and the tick record."""
