# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What holds the guard back from outside: the topics of locks, of the dead-man, and of scans.

Owns the topics; what follows is decided in onboard/guard/locks.py and zones.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Joy, LaserScan
from std_msgs.msg import Bool

from world_model_ros.contract.guard_settings import JOY, GuardSettings, Lock
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._qos import subscribe
from world_model_ros.onboard.guard import Guard


class GuardLocks:
    """Takes their messages into one guard."""

    def __init__(
        self,
        node: Node,
        settings: GuardSettings,
        lock: threading.Lock,
        guard: Guard,
        now_s: Callable[[], float],
        boundary: Boundary,
    ) -> None:
        """Listen from now on; `now_s` is the clock that times out."""
        self._lock, self._guard, self._now_s = lock, guard, now_s
        for row in settings.locks:
            kind, heard = (Joy, self._on_joy) if row.type == JOY else (Bool, self._on_bool)
            on_lock = boundary.wrap(row.topic, partial(heard, row))
            subscribe(node, kind, row.topic, on_lock, _common.SENSOR_QOS)
        for topic in guard.zones.topics:
            on_scan = boundary.wrap(topic, partial(self._on_scan, topic))
            subscribe(node, LaserScan, topic, on_scan, _common.SENSOR_QOS)

    def _on_bool(self, row: Lock, message: Bool) -> None:
        self._hear(row, message.data)

    def _on_joy(self, row: Lock, message: Joy) -> None:
        """A joystick without this button is not held."""
        self._hear(row, row.button < len(message.buttons) and bool(message.buttons[row.button]))

    def _hear(self, row: Lock, pressed: bool) -> None:
        with self._lock:
            self._guard.locks.hear(row.name, pressed, self._now_s())

    def _on_scan(self, topic: str, message: LaserScan) -> None:
        self._guard.zones.hear(
            topic,
            np.asarray(message.ranges, np.float64),
            (message.angle_min, message.angle_increment),
            (message.range_min, message.range_max),
            self._now_s(),
        )
