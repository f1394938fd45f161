# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What has been heard of a running robot, as plain data: terminal, benchmarks and reports read it.

`nodes/_monitor.py` fills it. Must not import ROS or torch.
"""

from __future__ import annotations

import math
import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from world_model_ros.onboard.tick.tick_record import TickRecord

_KEEP = 250  # ticks of which lateness and reward are shown
_KEEP_ERRORS = 64  # kinds
_WARN, _ERROR = 1, 2  # levels of diagnostics
# Nodes warn while they wait, too; the updater has no louder word for a store that is away.
_FAULT_LEVEL = {'updater': _WARN}
_NUMBER = re.compile(r'\d+(\.\d+)?')  # ages and counts do not make another kind of error


@dataclass
class NodeStatus:
    """The newest diagnostics of one node."""

    level: int
    message: str
    values: dict[str, str]

    def number(self, key: str, default: float = math.nan) -> float:
        """A value as a number, `default` where it is missing or no number."""
        try:
            return float(self.values[key])
        except (KeyError, ValueError):
            return default


@dataclass
class Errors:
    """One kind of error that a node reported."""

    count: int  # how often it began
    message: str  # the newest


@dataclass(frozen=True)
class Score:
    """The return of a whole episode."""

    time_s: float  # Unix time of its end
    value: float
    release: int  # that acted; 0: the bundle the robot started with, or none
    eval: bool  # without exploration: only these are figures


@dataclass(frozen=True)
class Change:
    """A simulated robot became another one while it ran."""

    t_ns: int  # of its clock, by which ticks are stamped
    reality: str  # what it is now


@dataclass
class RobotView:
    """What has been heard of one robot."""

    nodes: dict[str, NodeStatus] = field(default_factory=dict)  # executable -> status
    heard_s: dict[str, float] = field(default_factory=dict)  # when, by time.monotonic()
    tick: TickRecord | None = None
    guard: str = ''  # what was sent last and why
    episode_return: float = 0.0
    returns: list[Score] = field(default_factory=list)  # of whole episodes
    release: dict[str, Any] = field(default_factory=dict)  # the agent's ~/release
    ready_s: dict[str, float] = field(default_factory=dict)  # bundle_sha -> Unix time
    acting_s: dict[str, float] = field(default_factory=dict)
    ticks: int = 0
    lateness: deque[float] = field(default_factory=lambda: deque(maxlen=_KEEP))
    errors: dict[tuple[str, str], Errors] = field(default_factory=dict)  # (node, kind) -> which

    def hear(self, name: str, status: NodeStatus) -> None:
        """Take in the newest diagnostics of a node; an error is remembered when it has passed."""
        before = self.nodes.get(name)
        if status.level >= _FAULT_LEVEL.get(name, _ERROR):
            kind = _NUMBER.sub('#', status.message)
            known = self.errors.get((name, kind))
            if known is None and len(self.errors) >= _KEEP_ERRORS:
                del self.errors[next(iter(self.errors))]
            if known is None or before is None or _NUMBER.sub('#', before.message) != kind:
                self.errors[name, kind] = Errors(known.count + 1 if known else 1, status.message)
            else:
                known.message = status.message
        self.nodes[name] = status
        self.heard_s[name] = time.monotonic()

    @property
    def change(self) -> Change | None:
        """The last change of a simulated robot, as it says itself; None: there was none."""
        for status in self.nodes.values():
            stamp = status.values.get('changed_ns', '')
            if stamp.isdecimal() and len(stamp) < 20:
                return Change(int(stamp), status.values.get('reality', ''))
        return None

    def status(self, name: str) -> NodeStatus:
        """The newest diagnostics of a node, an empty one before the first."""
        return self.nodes.get(name, NodeStatus(3, 'starting', {}))
