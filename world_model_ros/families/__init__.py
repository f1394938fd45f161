# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""World-model families as torch modules, behind one protocol: a folder each."""
