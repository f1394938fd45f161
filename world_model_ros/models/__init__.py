# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""World models as torch modules, one file per family, behind one protocol."""
