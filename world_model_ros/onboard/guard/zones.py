# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Zones around a base: what a laser scan sees in them, and what follows for its speed.

The words are those of nav2_collision_monitor. Input: one scan of a zone's topic, and a clock.
Output: which lock it makes, and the share of the speed that is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from world_model_ros.contract.guard_settings import Zone
from world_model_ros.onboard.guard.locks import OPEN, Shut
from world_model_ros.onboard.guard.reasons import Reason, ReasonKind

MAX_RANGES = 100_000  # of one scan; no scanner has more


class Zones:
    """What is known of each zone."""

    def __init__(self, zones: Sequence[Zone]) -> None:
        self._zones = sorted(zones, key=lambda zone: -zone.priority)
        self._heard_s = {zone.name: -math.inf for zone in zones}
        self._reason: dict[str, Reason | None] = dict.fromkeys(self._heard_s)
        self._silent = {
            zone.name: Reason(
                _kind(zone),
                f'{zone.topic} was not heard for {zone.timeout_s:g} s: zone {zone.name} is unseen',
            )
            for zone in zones
        }
        self.slows = any(zone.action == 'slowdown' for zone in zones)

    @property
    def topics(self) -> tuple[str, ...]:
        """Where scans come from."""
        return tuple(dict.fromkeys(zone.topic for zone in self._zones))

    def hear(
        self,
        topic: str,
        ranges: np.ndarray,
        angles: tuple[float, float],
        reach: tuple[float, float],
        now_s: float,
    ) -> None:
        """A scan [N] in m came.

        Args:
            topic: where it came.
            ranges: distances; infinite: nothing there.
            angles: of the first one, and from one to the next, in rad.
            reach: shortest and longest distance that the scanner measures, in m.
            now_s: the clock that times out.
        """
        distance: np.ndarray = np.asarray(ranges[:MAX_RANGES], np.float64)
        seen = np.isfinite(distance) & (distance >= reach[0]) & (distance <= reach[1])
        # A scanner that is covered or broken measures nothing at all, not even free space.
        free = np.isposinf(distance) | (distance > reach[1])
        blind = not bool(np.any(seen | free)) or not all(map(math.isfinite, (*angles, reach[0])))
        angle = angles[0] + np.flatnonzero(seen) * angles[1]
        for zone in self._zones:
            if zone.topic != topic:
                continue
            count = 0 if blind else _inside(zone, distance[seen], angle)
            reason = None
            if blind or count >= zone.min_points:
                what = 'the scan has no valid range' if blind else f'{count} points in it'
                reason = Reason(_kind(zone), f'zone {zone.name} on {topic}: {what}')
            self._reason[zone.name] = reason
            self._heard_s[zone.name] = now_s

    def stop(self, now_s: float) -> Shut:
        """The stop zone of the highest priority that somebody stands in."""
        for zone in self._zones:
            if zone.action == 'stop' and (reason := self._occupied(zone, now_s)):
                return Shut(zone.priority, reason)
        return OPEN

    def slowdown(self, now_s: float) -> tuple[float, Reason | None]:
        """The share of the speed that is left, and why."""
        share, why = 1.0, None
        for zone in self._zones:
            slows = zone.action == 'slowdown' and zone.slowdown_ratio < share
            if slows and (reason := self._occupied(zone, now_s)):
                share, why = zone.slowdown_ratio, reason
        return share, why

    def _occupied(self, zone: Zone, now_s: float) -> Reason | None:
        if not abs(now_s - self._heard_s[zone.name]) <= zone.timeout_s:
            return self._silent[zone.name]
        return self._reason[zone.name]


def _kind(zone: Zone) -> ReasonKind:
    return ReasonKind.ZONE_STOP if zone.action == 'stop' else ReasonKind.ZONE_SLOWDOWN


def _inside(zone: Zone, distance: np.ndarray, angle: np.ndarray) -> int:
    """How many points of a scan lie in a zone."""
    x0, y0, yaw = zone.pose
    x = x0 + distance * np.cos(angle + yaw)
    y = y0 + distance * np.sin(angle + yaw)
    if not zone.polygon:
        return int(np.count_nonzero(x * x + y * y <= zone.radius**2))
    within: np.ndarray = np.zeros(len(x), bool)
    corners = zone.polygon
    for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]), strict=True):
        crosses = (y1 > y) != (y2 > y)
        if y1 != y2:
            within ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return int(np.count_nonzero(within))
