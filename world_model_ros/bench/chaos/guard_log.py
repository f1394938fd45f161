# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What one run of `chaos guard` wrote down: what was done, measured and commanded.

Pure data, and which spans of time follow from it. Times are seconds of the machine's wall clock,
on which the guard's messages are stamped when they leave. Knows nothing of the guard's code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

# What can be done. A call has an answer (`ok`), everything else is simply done.
ACTIVATE, DEACTIVATE = 'activate', 'deactivate'
STOP, RELEASE, ENABLE, DISABLE = 'stop', 'release', 'enable', 'disable'
GUARD_KILLED, GUARD_ENDED, GUARD_STARTED, GUARD_HUNG = 'killed', 'ended', 'started', 'hung'
CHUNK, TELEOP, LET_GO = 'chunk', 'teleop', 'let go'
FOREIGN_SILENT, FOREIGN_SENDS, FOREIGN_OFF = 'foreign silent', 'foreign sends', 'foreign off'
JOINTS_BAD, JOINTS_GOOD = 'joints bad', 'joints good'
CLOCK_BAD, CLOCK_GOOD = 'clock bad', 'clock good'
CLOCK_STEP = 'clock step'
DRIVER_AWAY = 'driver away'

HEARD_S = 0.7  # until a new publisher's messages must be heard
GRAPH_S = 1.5  # until a new process has found all others, and they it


@dataclass(frozen=True)
class Facts:
    """What the robot file promises; arrays are float64 [A] in the units of the command."""

    kind: str
    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    rate: np.ndarray
    acceleration: np.ndarray | None
    stop_rate: np.ndarray
    period_s: float  # of commands
    timeout_s: float
    hold_tolerance: float
    box_tolerance: float
    max_age_s: float
    every: int = 1  # a command is every so manyth of the guard's samples

    @property
    def position(self) -> bool:
        """Whether commands are positions, which are held; others go to zero."""
        return self.kind == 'position'

    @property
    def rest_s(self) -> float:
        """The longest time from full speed to rest."""
        if not self.position:
            reach = np.maximum(np.abs(self.low), np.abs(self.high))
            return float(np.max(reach / self.stop_rate)) + 2.0 * self.period_s
        if self.acceleration is None:
            return 2.0 * self.period_s
        return float(np.max(self.rate / self.acceleration)) + 2.0 * self.period_s


@dataclass(frozen=True)
class Command:
    """One message on the command topic."""

    sent_s: float  # when it left its sender
    stamp_s: float  # the time that it is meant for, from any zero
    number: int  # of its publisher
    values: np.ndarray
    foreign: bool


@dataclass(frozen=True)
class Mark:
    """One thing that was done, from its beginning to its answer."""

    name: str
    begin_s: float
    end_s: float
    ok: bool = True
    text: str = ''


@dataclass(frozen=True)
class Measured:
    """Where all joints are, as the robot last said."""

    at_s: float
    position: np.ndarray


@dataclass
class RunLog:
    """One run."""

    facts: Facts
    begin_s: float = 0.0
    end_s: float = 0.0
    commands: list[Command] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)

    def done(self, *names: str) -> Iterator[Mark]:
        """What was done of these, in order; refused calls are left out."""
        return (mark for mark in self.marks if mark.name in names and mark.ok)

    def position_at(self, at_s: float) -> np.ndarray | None:
        """The newest measurement at this time."""
        known = [m.position for m in self.measured if m.at_s <= at_s]
        return known[-1] if known else None


@dataclass(frozen=True)
class Session:
    """From one activation to its end."""

    begin_s: float  # the call
    active_s: float  # its answer
    sends_s: float  # until when commands must come
    end_s: float  # until when they may
    ended_by: Mark | None  # None: somebody else's command, or the end of the run
    foreign: bool  # ended by somebody else's command


def knows_graph_s(log: RunLog, at_s: float) -> float:
    """When the guard that is there at a time must have found all others."""
    started = [m.begin_s for m in log.done(GUARD_STARTED) if m.begin_s <= at_s]
    return started[-1] + GRAPH_S if started else -np.inf


def sessions(log: RunLog, silent_s: float) -> list[Session]:
    """Each successful activation, and when its commands must have ended.

    Somebody else's message on the topic ends it `silent_s` later at the latest.
    """
    found = []
    there = spans(log.done(FOREIGN_SILENT, FOREIGN_SENDS), log.done(FOREIGN_OFF), log.end_s)
    starts = list(log.done(ACTIVATE))
    for n, mark in enumerate(starts):
        ends = list(log.done(DEACTIVATE, GUARD_KILLED, GUARD_ENDED))
        end = next((m for m in ends if m.begin_s >= mark.begin_s), None)
        end_s = log.end_s if end is None else end.end_s
        if end is not None and end.name == GUARD_KILLED:
            end_s = end.begin_s
        others = (c.sent_s for c in log.commands if c.foreign and c.sent_s >= mark.end_s)
        other_s = next(others, np.inf)
        # A publisher that is new, or new to a guard that has just started, is heard later.
        heard_s = max(other_s, knows_graph_s(log, mark.begin_s))
        for begin_s, off_s in there:
            if begin_s - HEARD_S <= other_s <= off_s:
                heard_s = max(heard_s, begin_s + HEARD_S)
                if off_s < heard_s:
                    heard_s = np.inf  # it was too short to be heard for sure
        foreign = other_s < end_s
        if foreign:
            after_s = starts[n + 1].begin_s if n + 1 < len(starts) else np.inf
            end_s, end = min(end_s, after_s, heard_s + silent_s), None
        sends_s = min(other_s, end_s)
        found.append(Session(mark.begin_s, mark.end_s, sends_s, end_s, end, foreign))
    return found


def begins_within(log: RunLog, seconds: float) -> bool:
    """Whether an activation began so soon after other commands that a driver saw no pause."""
    for session in sessions(log, 0.0):
        first_s = next((c.sent_s for c in log.commands if c.sent_s >= session.begin_s), None)
        if first_s is not None and any(
            first_s - seconds <= c.sent_s < session.begin_s for c in log.commands
        ):
            return True
    return False


def spans(begins: Iterable[Mark], ends: Iterable[Mark], end_s: float) -> list[tuple[float, float]]:
    """From the answer of each beginning to the call of the next end after it."""
    stops = list(ends)
    found: list[tuple[float, float]] = []
    for mark in begins:
        if found and mark.begin_s < found[-1][1]:
            continue  # it lasts already
        after = (m.begin_s for m in stops if m.begin_s >= mark.begin_s)
        found.append((mark.end_s, next(after, end_s)))
    return found


def without(
    span: tuple[float, float], holes: Iterable[tuple[float, float]]
) -> list[tuple[float, float]]:
    """What is left of a span."""
    left = [span]
    for begin_s, end_s in holes:
        left = [
            part
            for a, b in left
            for part in ((a, min(b, begin_s)), (max(a, end_s), b))
            if part[1] > part[0]
        ]
    return left
