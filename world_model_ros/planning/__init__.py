# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Planning in imagination: one iteration is one exportable module."""
