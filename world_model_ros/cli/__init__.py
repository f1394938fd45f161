# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The world-model command: one file per verb, each imported only when it is called."""
