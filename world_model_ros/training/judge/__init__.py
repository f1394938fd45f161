# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a candidate is good enough to publish: open-loop error, gate, pictures."""
