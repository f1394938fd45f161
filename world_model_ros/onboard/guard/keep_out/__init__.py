# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the links of an arm must not go: its workspace, itself, and what stands around it.

Needs a URDF and MuJoCo; nothing here is loaded for a robot whose file asks for neither.
"""
