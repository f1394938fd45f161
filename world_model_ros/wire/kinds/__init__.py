# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Our kinds of streams and commands, one file each; contract/kinds.py has the table of them."""
