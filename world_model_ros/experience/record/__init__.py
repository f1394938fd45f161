# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes while they are recorded: session, writer, recovery, and upload to the store."""
