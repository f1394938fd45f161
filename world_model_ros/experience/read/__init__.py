# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recorded episodes read back: scanned, rebuilt tick by tick, as arrays and as figures."""
