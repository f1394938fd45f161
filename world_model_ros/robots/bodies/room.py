# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where things stand in the room of the `diff_drive` robot: drawn at each reset.

Plane geometry alone, in metres and radians, in the frame of the room's middle. Must not import
mujoco, onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# As in diff_drive.xml; a test compares the two.
COLOURS = ('red', 'green', 'blue', 'yellow')  # of the posts, in the order of a task
BOX_HALF_M = {'grey': (0.20, 0.15), 'brown': (0.15, 0.15)}  # half sizes along their own axes
ROOM_HALF_M = 2.5
POST_RADIUS_M = 0.15
ROBOT_RADIUS_M = 0.17

PASSAGE_M = 0.6  # between any two things: the robot is 0.34 m wide
START_M = 0.25  # least distance of the robot's edge from anything when it begins
START_TO_POST_M = 0.6  # and from any post: nothing is reached at the beginning
_MOST_TRIES = 10_000  # about ten are needed


@dataclass(frozen=True)
class Layout:
    """One room; arrays are float64."""

    posts: np.ndarray  # [4, 2] m, in the order of COLOURS
    boxes: np.ndarray  # [2, 3] m, m, rad, in the order of BOX_HALF_M
    start: np.ndarray  # [3] m, m, rad: the robot's

    @property
    def discs(self) -> np.ndarray:
        """Discs [6, 3] around posts and boxes: x, y, radius."""
        posts = np.column_stack([self.posts, np.full(len(self.posts), POST_RADIUS_M)])
        return np.vstack([posts, np.column_stack([self.boxes[:, :2], box_radii()])])


def box_radii() -> np.ndarray:
    """Radius of the circle around each box, [2] m."""
    return np.array([math.hypot(*half) for half in BOX_HALF_M.values()])


def gaps_m(points: np.ndarray, discs: np.ndarray) -> np.ndarray:
    """Distance of points [..., 2] to the nearest of discs [N, 3] or to a wall, [...] m."""
    to_wall = ROOM_HALF_M - np.abs(points).max(axis=-1)
    if not len(discs):
        return np.asarray(to_wall)
    away = np.linalg.norm(points[..., None, :] - discs[:, :2], axis=-1) - discs[:, 2]
    return np.minimum(away.min(axis=-1), to_wall)


def draw_layout(rng: np.random.Generator) -> Layout:
    """Draw a room: whatever stands in it, the robot can pass on either side."""
    radii = [POST_RADIUS_M] * len(COLOURS) + list(box_radii())
    discs = np.empty((0, 3))
    for radius in radii:
        place = _free_place(rng, radius + PASSAGE_M, discs)
        discs = np.vstack([discs, [*place, radius]])
    turns = rng.uniform(-math.pi, math.pi, len(BOX_HALF_M))
    posts, boxes = discs[: len(COLOURS)], discs[len(COLOURS) :]
    near_posts = posts + [0.0, 0.0, START_TO_POST_M - START_M]
    start = _free_place(rng, ROBOT_RADIUS_M + START_M, np.vstack([near_posts, boxes]))
    heading = rng.uniform(-math.pi, math.pi)
    return Layout(
        posts[:, :2].copy(), np.column_stack([boxes[:, :2], turns]), np.array([*start, heading])
    )


def _free_place(rng: np.random.Generator, room_m: float, discs: np.ndarray) -> np.ndarray:
    """A point [2] that is so far from all discs and walls."""
    for _ in range(_MOST_TRIES):
        place = rng.uniform(-ROOM_HALF_M, ROOM_HALF_M, 2)
        if gaps_m(place, discs) >= room_m:
            return place
    raise RuntimeError(f'no place {room_m:.2f} m from {len(discs)} things: the room is too small')
