# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From torch to a bundle: graphs, golden vectors, the release."""
