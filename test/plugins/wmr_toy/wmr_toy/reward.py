# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tasks for the mass: rest at a place, at little force; or move in one direction."""

import numpy as np

TARGET_M = 0.2


def rest_at_target(arrays):
    """At most 1 a tick; `arrays` holds T rows of obs_joints (place, speed) and action_sent."""
    place, speed = arrays['obs_joints'][:, 0], arrays['obs_joints'][:, 1]
    force = arrays['action_sent'][:, 0]
    return np.exp(-((place - TARGET_M) ** 2) - 0.1 * speed**2) - 0.01 * force**2


def speed(arrays):
    """The speed in m/s: linear, so that a linear model knows what to do."""
    return arrays['obs_joints'][:, 1]
