# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a shifted camera does to a picture: exposure and hue.

Owns pixel arithmetic alone; the camera's mount is the body's. Must not import mujoco, onboard,
nodes, torch or rclpy.
"""

from __future__ import annotations

import math

import numpy as np

from world_model_ros.robots.reality import Reality


def colour_matrix(reality: Reality) -> np.ndarray | None:
    """Return the [3, 3] matrix a picture is multiplied with, or None for a nominal camera."""
    if reality.camera_exposure == 1.0 and reality.camera_hue_rad == 0.0:
        return None
    # Turning RGB about the grey axis (Rodrigues) keeps greys grey.
    c, s = math.cos(reality.camera_hue_rad), math.sin(reality.camera_hue_rad)
    third, root = (1 - c) / 3, s / math.sqrt(3)
    turn = np.array(
        [
            [c + third, third - root, third + root],
            [third + root, c + third, third - root],
            [third - root, third + root, c + third],
        ],
        np.float32,
    )
    return turn * np.float32(reality.camera_exposure)


def develop(image: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Return the picture [h, w, 3] uint8 as the shifted camera gives it."""
    if matrix is None:
        return image
    shifted = image.astype(np.float32) @ matrix.T  # [h, w, 3]
    return np.clip(shifted + 0.5, 0, 255).astype(np.uint8)
