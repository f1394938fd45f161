# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Why the guard sent something else than what was asked for: kinds to count, texts for people.

The kinds are published with each command as one number (docs/reference/nodes.md, `guard/sent`):
the bit of a kind is its place in the enum. So they are only ever appended.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple


class ReasonKind(Enum):
    """A kind of intervention; its value is its name in diagnostics and records."""

    REFUSED = 'chunk_refused'
    CLIPPED = 'clipped'
    RATE = 'rate_limited'
    ACCELERATION = 'acceleration_limited'
    JERK = 'jerk_limited'
    NEAR_LIMIT = 'slowed_before_limit'
    STOPPED = 'stopped'
    NOT_READY = 'not_ready'  # a clock stands, or a driver may not listen yet
    FOREIGN = 'foreign_publisher'
    DEACTIVATING = 'deactivating'
    OUTSIDE = 'outside_limits'
    NO_HEARTBEAT = 'no_heartbeat'
    NO_CHUNK = 'no_chunk'
    TIME_BACK = 'time_went_back'
    PATH_TOLERANCE = 'path_tolerance_violated'  # the word of FollowJointTrajectory
    DRIVER_FAULT = 'driver_fault'
    WORKSPACE = 'halt_for_workspace'
    COLLISION = 'halt_for_collision'  # the word of MoveIt Servo
    CONTROLLER = 'controller_inactive'
    DEAD_MAN = 'dead_man_released'
    LOCKED = 'locked'  # the word of twist_mux
    ZONE_STOP = 'zone_stop'  # those of nav2_collision_monitor
    ZONE_SLOWDOWN = 'zone_slowdown'

    @property
    def bit(self) -> int:
        """Its place in the number of a command."""
        return _BITS[self]


_BITS = {kind: 1 << place for place, kind in enumerate(ReasonKind)}


class Reason(NamedTuple):
    """One intervention."""

    kind: ReasonKind
    text: str


# Of what a limit does to a step: found at each sample, and always in the same words.
CLIPPED = Reason(ReasonKind.CLIPPED, 'clipped to the limits')
RATE = Reason(ReasonKind.RATE, 'rate limited')
ACCELERATION = Reason(ReasonKind.ACCELERATION, 'acceleration limited')
JERK = Reason(ReasonKind.JERK, 'jerk limited')
NEAR_LIMIT = Reason(ReasonKind.NEAR_LIMIT, 'slowed down before the limits')


def kinds_number(reasons: Iterable[Reason]) -> int:
    """The kinds of a command as one number."""
    number = 0
    for reason in reasons:
        number |= reason.kind.bit
    return number


def kinds_of(number: int) -> tuple[ReasonKind, ...]:
    """The kinds in a number, as far as this version knows them."""
    return tuple(kind for kind, bit in _BITS.items() if number & bit)
