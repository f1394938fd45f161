# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The way to a post through a room, by distances on a grid: what the scripted driver follows.

Must not import mujoco, onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import math

import numpy as np

from world_model_ros.robots.bodies.room import (
    POST_RADIUS_M,
    ROBOT_RADIUS_M,
    ROOM_HALF_M,
    Layout,
    gaps_m,
)

CELL_M = 0.05
_COUNT = round(2 * ROOM_HALF_M / CELL_M)
_HARD_M = ROBOT_RADIUS_M + 0.02  # nearer to anything the robot cannot be
_SOFT_M = ROBOT_RADIUS_M + 0.15  # nearer it should not be: each metre there counts for five
_SOFT_COST = 5.0
_AT_POST_M = ROBOT_RADIUS_M + POST_RADIUS_M + 0.10  # between their middles: the end of the way
# Of the scripted driver.
_LOOK_AHEAD_M = 0.35
_TURN_GAIN = 2.5  # 1/s
_TURN_FIRST_RAD = 0.7  # facing further away than this it stands and turns
_FASTEST_M_S, _FASTEST_RAD_S = 0.5, 1.5
_STEPS = tuple((dx, dy, math.hypot(dx, dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)


class Way:
    """Shortest ways to one post from everywhere in a room."""

    def __init__(self, layout: Layout, post: int) -> None:
        """Spread distances from the post over the grid."""
        self.goal = layout.posts[post]
        middles = (np.arange(_COUNT) + 0.5) * CELL_M - ROOM_HALF_M
        points = np.stack(np.meshgrid(middles, middles, indexing='ij'), axis=-1)  # [N, N, 2]
        others = np.delete(layout.discs, post, axis=0)
        gaps = gaps_m(points, others)
        to_post = np.linalg.norm(points - layout.posts[post], axis=-1)
        cost = np.where(gaps < _SOFT_M, _SOFT_COST, 1.0)
        cost[gaps < _HARD_M] = np.inf
        self.left_m = _spread(to_post <= _AT_POST_M, cost) * CELL_M  # [N, N]; inf: no way

    def from_m(self, point: np.ndarray) -> float:
        """Length of the way from a point [2], with its detours; inf: there is none."""
        return float(self.left_m[_cell(point)])

    def ahead(self, point: np.ndarray, ahead_m: float) -> np.ndarray:
        """The point [2] of the way that is so far ahead of a point."""
        i, j = _cell(point)
        for _ in range(round(ahead_m / CELL_M)):
            cells = [
                (i + dx, j + dy)
                for dx, dy, _ in _STEPS
                if 0 <= i + dx < _COUNT and 0 <= j + dy < _COUNT
            ]
            nearest = min(cells, key=lambda cell: self.left_m[cell])
            if self.left_m[nearest] >= self.left_m[i, j]:
                break
            i, j = nearest
        return (np.array([i, j]) + 0.5) * CELL_M - ROOM_HALF_M


def drive_along(way: Way, pose: tuple[float, float, float]) -> np.ndarray:
    """Forward and turning speed [2], m/s and rad/s, to the end of a way from this pose."""
    x, y, heading = pose
    here = np.array([x, y])
    left_m = float(np.linalg.norm(way.goal - here)) - POST_RADIUS_M - ROBOT_RADIUS_M
    point = way.goal if left_m < _LOOK_AHEAD_M else way.ahead(here, _LOOK_AHEAD_M)
    away = math.remainder(math.atan2(point[1] - y, point[0] - x) - heading, 2 * math.pi)
    forward = _FASTEST_M_S * max(0.0, 1.0 - abs(away) / _TURN_FIRST_RAD)
    return np.array([forward, np.clip(_TURN_GAIN * away, -_FASTEST_RAD_S, _FASTEST_RAD_S)])


def _cell(point: np.ndarray) -> tuple[int, int]:
    i, j = np.clip(((np.asarray(point) + ROOM_HALF_M) / CELL_M).astype(int), 0, _COUNT - 1)
    return int(i), int(j)


def _spread(ends: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Least cost [N, N] from each cell to an end, in cells; Bellman's equation until it holds."""
    left = np.where(ends, 0.0, np.inf)
    while True:
        padded = np.pad(left, 1, constant_values=np.inf)
        shifted = [
            padded[1 + dx : 1 + dx + _COUNT, 1 + dy : 1 + dy + _COUNT] + length * cost
            for dx, dy, length in _STEPS
        ]
        better = np.minimum(left, np.minimum.reduce(shifted))
        if np.array_equal(better, left):
            return left
        left = better
