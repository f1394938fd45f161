# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a shifted camera does to a picture: exposure, hue, and dirt on its lens.

Owns pixel arithmetic alone; the camera's mount is the body's. Must not import mujoco, onboard,
nodes, torch or rclpy.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from world_model_ros.robots.reality import Reality

_DIRT = (96.0, 84.0, 66.0)  # RGB of a spot of dried mud, out of focus
_SPOTS = 9
_SPOT_SIZE = (0.05, 0.16)  # radius, as a share of the picture's height
_DIRT_SEED = 0  # one lens: the same spots in every episode and on every body


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


def soil(image: np.ndarray, dirt: float) -> np.ndarray:
    """Return the picture [h, w, 3] uint8 through a lens with spots; 0: a clean one."""
    if dirt == 0.0:
        return image
    cover = dirt * _spots(*image.shape[:2])[..., None]  # [h, w, 1]
    soiled = image * (1.0 - cover) + np.asarray(_DIRT, np.float32) * cover
    return (soiled + 0.5).astype(np.uint8)


@functools.lru_cache(8)
def _spots(height: int, width: int) -> np.ndarray:
    """How much of the light each spot takes, float32 [h, w] from 0 to 1, with soft edges."""
    rng = np.random.default_rng(_DIRT_SEED)
    rows, columns = np.mgrid[0:height, 0:width]
    cover = np.zeros((height, width))
    for _ in range(_SPOTS):
        row, column = rng.uniform(0.0, 1.0, 2) * (height, width)
        radius = rng.uniform(*_SPOT_SIZE) * height
        away = np.hypot(rows - row, columns - column) / radius
        cover = np.maximum(cover, 1.0 / (1.0 + np.exp(8.0 * (away - 1.0))))
    return cover.astype(np.float32)
