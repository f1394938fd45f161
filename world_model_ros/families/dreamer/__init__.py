# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Dreamer family: a recurrent state-space model at robot size, with a motor model in front."""
