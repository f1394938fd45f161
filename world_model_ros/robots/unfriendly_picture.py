# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the unfriendly arm's cameras show: its links as lines, cheap enough for two at 30 Hz.

Input: joint positions. Output: a picture uint8 [480, 640, 3] in BGR that depends on every joint.
Must not import contract, onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

HEIGHT, WIDTH = 480, 640
LINK_PX = 42  # seven of them reach across the picture
_COLOURS = ((60, 90, 230), (70, 200, 240), (90, 220, 90), (230, 170, 60))  # BGR, in turn


class StickPicture:
    """One camera; the second one looks from the other side."""

    def __init__(self, wrist: bool = False) -> None:
        rows = np.linspace(40, 110, HEIGHT, dtype=np.uint8)[:, None, None]
        self._background = np.ascontiguousarray(np.broadcast_to(rows, (HEIGHT, WIDTH, 3)))
        self._background[HEIGHT * 3 // 4 :] = (95, 110, 120)  # the table
        self._order = -1 if wrist else 1
        self._picture = np.empty_like(self._background)

    def draw(self, position: np.ndarray) -> np.ndarray:
        """Draw the arm at these joint positions [A]; the array is used again by the next call."""
        np.copyto(self._picture, self._background)
        bends = np.cumsum(position[:: self._order]) - np.pi / 2
        steps = LINK_PX * np.stack([np.cos(bends), np.sin(bends)], axis=1)
        points = np.vstack([[0.0, 0.0], np.cumsum(steps, axis=0)]) + [WIDTH / 2, HEIGHT * 0.75]
        joints = np.clip(points, -4 * WIDTH, 4 * WIDTH).round().astype(int)
        for i, (begin, end) in enumerate(pairwise(joints)):
            colour = _COLOURS[i % len(_COLOURS)]
            cv2.line(self._picture, tuple(map(int, begin)), tuple(map(int, end)), colour, 14)
        return self._picture
