# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When an episode began: by the robot's clock, which may be simulated, and by the wall clock.

Input: the agent's announcement and the first time in the file. Must not import ROS or torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from world_model_ros.strict_json import strict_json

# Earlier stamps (2001-09-09) are of a clock that began at zero, as simulators have.
FIRST_UTC_NS = 10**18
_LAST_NS = 1 << 63


@dataclass(frozen=True)
class Began:
    """The beginning of one episode."""

    clock_ns: int  # of the robot's clock
    wall_ns: int  # Unix time; 0: recorded by a version that did not write it
    simulated: bool  # whether the robot's clock is a simulator's

    @property
    def utc(self) -> str:
        """Date and time of day, '' where no clock tells it."""
        if self.simulated:
            return _utc(self.wall_ns) if self.wall_ns else ''
        return _utc(self.clock_ns)

    @property
    def simulated_time(self) -> str:
        """The simulator's time in words, '' on a real clock."""
        if not self.simulated:
            return ''
        if self.clock_ns < FIRST_UTC_NS:
            return f'{self.clock_ns * 1e-9:.1f} s simulated'
        return f'{_utc(self.clock_ns)} simulated'

    @property
    def text(self) -> str:
        """Both, as far as they are known."""
        return ', '.join(part for part in (self.utc, self.simulated_time) if part)


def began(clock_ns: int, announced: str) -> Began:
    """Read what the agent's announcement says of its clock; old or foreign ones say less."""
    try:
        clock = strict_json(announced)['clock']
        simulated, wall_ns = clock.get('simulated'), clock.get('wall_ns')
    except (ValueError, KeyError, TypeError, AttributeError):
        simulated = wall_ns = None
    known = isinstance(wall_ns, int) and FIRST_UTC_NS <= wall_ns < _LAST_NS
    return Began(
        clock_ns=clock_ns,
        wall_ns=wall_ns if known else 0,
        simulated=simulated is True or clock_ns < FIRST_UTC_NS,
    )


def _utc(stamp_ns: int) -> str:
    try:
        moment = datetime.fromtimestamp(stamp_ns * 1e-9, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return f'{stamp_ns} ns'
    return moment.strftime('%Y-%m-%d %H:%M:%S')
