# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The frozen types of the section `guard` of a robot file: where the robot must not go, and when.

All of it is optional and no part of the interface: it can be tightened without orphaning weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Priorities mean what they mean in twist_mux: a lock shuts out the sources of a lower one.
AGENT_PRIORITY, TELEOP_PRIORITY, MAX_PRIORITY = 10, 100, 255

BOOL, JOY = 'std_msgs/msg/Bool', 'sensor_msgs/msg/Joy'  # the types that a lock may have
Point = tuple[float, float, float]  # m
ZoneAction = Literal['stop', 'slowdown']


@dataclass(frozen=True)
class Workspace:
    """A box that the origins of links stay in."""

    low: Point  # m, in the frame of the URDF's root link
    high: Point
    links: tuple[str, ...]  # empty: all that a commanded joint moves


@dataclass(frozen=True)
class Collision:
    """How near the links of a robot may come to each other, and to what stands around it."""

    distance: float  # m
    ignore: tuple[tuple[str, str], ...]  # pairs of links that may touch


@dataclass(frozen=True)
class Lock:
    """A topic that shuts out the sources of a lower priority, as the locks of twist_mux.

    A dead-man is a lock that must be held open.
    """

    name: str
    topic: str
    type: str  # std_msgs/msg/Bool or sensor_msgs/msg/Joy
    button: int  # of Joy
    hold_to_run: bool  # true: locked unless pressed; false: locked while it says so
    priority: int
    timeout_s: float  # older than this: locked


@dataclass(frozen=True)
class Zone:
    """An area around a base, looked at by a laser scanner, as in nav2_collision_monitor."""

    name: str
    topic: str  # sensor_msgs/msg/LaserScan
    polygon: tuple[tuple[float, float], ...]  # m, in the base's frame; empty: a circle
    radius: float  # m, around the base's origin
    pose: Point  # of the scanner in the base's frame: x, y in m, yaw in rad
    action: ZoneAction
    slowdown_ratio: float  # of the speed that is asked for
    min_points: int  # fewer points are noise
    priority: int  # of a stop: sources of a lower one are shut out
    timeout_s: float  # a scan older than this: as if somebody stood in it


@dataclass(frozen=True)
class GuardSettings:
    """The section `guard`."""

    urdf: str = ''  # file, relative to the robot file; empty: none
    joint_positions: tuple[tuple[str, float], ...] = ()  # of joints that nobody commands
    workspace: Workspace | None = None
    collision: Collision | None = None
    locks: tuple[Lock, ...] = ()  # the dead-man is the one with hold_to_run
    zones: tuple[Zone, ...] = ()
