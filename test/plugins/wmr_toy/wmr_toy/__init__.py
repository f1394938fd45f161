# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Toy plug-ins: a linear system and what learns, senses and moves it."""
