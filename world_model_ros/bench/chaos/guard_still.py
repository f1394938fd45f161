# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When the robot must be at rest and stay there, held against what the driver received.

Stopped, disabled, without an agent, beside a silent publisher, outside of its box, or with a clock
that stands: commands come to rest along the motion and then one target is held, or zero is sent.
A hold may be taken from the measurement once more only if a joint is further from its command than
`hold_tolerance`, and where somebody releases, enables or activates.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from world_model_ros.bench.chaos import guard_log as done
from world_model_ros.bench.chaos.guard_log import Command, RunLog, Session
from world_model_ros.bench.chaos.runs import Violation

LOOK_S = 1.0  # until a silent publisher must have been seen
CLOCK_SILENT_S = 0.3  # until a clock that stands must have been noticed
NEAR = 0.8  # share of hold_tolerance from which a hold may be taken again
OUT_SHARE = 1.5  # of box_tolerance: surely outside
EPS = 1e-9
CLOCK = 'its clock stands'
NOTHING_CHANGED = ('not stopped', 'enabled already')  # answers of release_stop and enable
BY_HAND = ('without an agent', 'outside of its box')  # teleoperation may move it then

Span = tuple[float, float]


def rest_spans(log: RunLog, session: Session) -> list[tuple[str, Span]]:
    """Why and from when to when the robot must come to rest, within one session."""
    facts, end_s = log.facts, log.end_s
    found: list[tuple[str, Span]] = []
    for why, begins, ends, after_s in (
        ('stopped', (done.STOP,), (done.RELEASE,), 0.0),
        ('disabled', (done.DISABLE,), (done.ENABLE,), 0.0),
        (
            'beside a silent publisher',
            (done.FOREIGN_SILENT,),
            # The second controller lives in the driver's process.
            (done.FOREIGN_OFF, done.FOREIGN_SENDS, done.DRIVER_AWAY),
            LOOK_S,
        ),
        (CLOCK, (done.CLOCK_BAD,), (done.CLOCK_GOOD,), CLOCK_SILENT_S),
    ):
        for begin_s, stop_s in done.spans(log.done(*begins), log.done(*ends), end_s):
            found.append((why, (begin_s + after_s, stop_s)))
    found += [('without an agent', span) for span in _without_agent(log, session)]
    if facts.position:
        found += [('outside of its box', span) for span in _outside(log)]
    clipped = [(why, (max(a, session.begin_s), min(b, session.end_s))) for why, (a, b) in found]
    return [(why, span) for why, span in clipped if span[1] > span[0]]


def check_still(
    log: RunLog, session: Session, sent: list[Command], react_s: float, checked: Counter[str]
) -> list[Violation]:
    """Which commands move the robot when it must be at rest."""
    rest_s = log.facts.rest_s + react_s
    hands = [
        (mark.begin_s, min(mark.begin_s + log.facts.timeout_s, gone_s) + rest_s)
        for mark, gone_s in _by_hand(log)
    ]
    # While its clock stands, the guard takes a while to notice; motion waits with the clock.
    stands = [
        (begin_s, end_s + CLOCK_SILENT_S + rest_s)
        for begin_s, end_s in done.spans(
            log.done(done.CLOCK_BAD), log.done(done.CLOCK_GOOD), log.end_s
        )
    ]
    # A clock that stands and steps forward has moved: motion may go on for as long.
    stepped = [(m.begin_s, m.end_s + CLOCK_SILENT_S + rest_s) for m in log.done(done.CLOCK_STEP)]
    hung = [(m.begin_s, m.end_s + rest_s) for m in log.done(done.GUARD_HUNG)]
    # A hold at the measured position begins, perhaps in the middle of braking.
    taken = [
        (m.begin_s, m.end_s + rest_s)
        for m in log.done(done.RELEASE, done.ENABLE)
        if not m.text.startswith(NOTHING_CHANGED)
    ]
    spans = rest_spans(log, session)
    for why, (begin_s, end_s) in spans:
        since_s = _resting_since(spans, begin_s)
        holes = [
            *hung,
            *taken,
            *(hands if why in BY_HAND else []),
            *(stepped if why == CLOCK else stands),
        ]
        rested_s = begin_s + rest_s if why == CLOCK else _rested_s(log, sent, begin_s, rest_s)
        for a, b in done.without((rested_s, end_s), holes):
            checked[f'held {why}'] += sum(a <= c.sent_s <= b for c in sent)
            held = [c for c in sent if since_s <= c.sent_s <= b]
            text = _moves(log, held, a, react_s)
            if text:
                since = f'{why} since {begin_s - log.begin_s:.3f} s'
                return [Violation(f'moves while {why}', f'{since}: {text}')]
    return []


def _resting_since(spans: list[tuple[str, Span]], begin_s: float) -> float:
    """When the rest began that lasts at this time: one reason may follow another."""
    since_s = begin_s
    for a, b in sorted((span for _, span in spans), reverse=True):
        if a < since_s <= b:
            since_s = a
    return since_s


def _rested_s(log: RunLog, sent: list[Command], begin_s: float, rest_s: float) -> float:
    """When `rest_s` have passed since `begin_s`, also by the robot's clock: it may be slow."""
    passed_s = max(0.0, sent[0].sent_s - begin_s) if sent else 0.0
    for before, now in pairwise(sent):
        if now.sent_s < begin_s:
            continue
        # A clock that is set has not passed that time.
        passed_s += min(max(now.stamp_s - before.stamp_s, 0.0), 2.0 * log.facts.period_s)
        if passed_s >= rest_s:
            return max(now.sent_s, begin_s + rest_s)
    return log.end_s


def _moves(log: RunLog, held: list[Command], rest_s: float, react_s: float) -> str:
    """How the commands move after `rest_s` although they must not, ''."""
    facts = log.facts
    if not facts.position:
        for command in held:
            if command.sent_s >= rest_s and np.any(np.abs(command.values) > EPS):
                return f'{command.values.round(4).tolist()} at {command.sent_s - log.begin_s:.3f}'
        return ''
    taken = [
        (m.begin_s, m.end_s + react_s) for m in log.done(done.RELEASE, done.ENABLE, done.ACTIVATE)
    ]
    moving: np.ndarray = np.ones(len(facts.names), bool)
    excused = ~moving  # began at rest, with a reason
    for before, now in pairwise(held):
        moves = np.abs(now.values - before.values) > EPS
        begins = moves & ~moving
        if np.any(begins):
            here = log.position_at(now.sent_s)
            far = begins & any(a <= now.sent_s <= b for a, b in taken)
            if here is not None:
                far = far | (np.abs(here - before.values) >= NEAR * facts.hold_tolerance)
            excused = np.where(begins, far, excused)
        moving = moves
        wrong = moves & ~excused
        if np.any(wrong) and now.sent_s >= rest_s:
            i = int(np.argmax(wrong))
            here = log.position_at(now.sent_s)
            where = 'unknown' if here is None else f'{here[i]:.4f}'
            return (
                f'{facts.names[i]}, {before.values[i]:.5f} to {now.values[i]:.5f} at '
                f'{now.sent_s - log.begin_s:.3f} s, measured {where}'
            )
    return ''


def _without_agent(log: RunLog, session: Session) -> list[Span]:
    """Spans without a chunk that could be in force, from command_timeout after the last one."""
    late_s = log.facts.timeout_s + log.facts.period_s
    times = [m.end_s for m in log.done(done.CHUNK) if m.end_s >= session.begin_s]
    found = [(session.begin_s, times[0] if times else log.end_s)]
    found += [(a + late_s, b) for a, b in pairwise([*times, log.end_s]) if b - a > late_s]
    return found


def _outside(log: RunLog) -> list[Span]:
    """Spans in which a joint was measured outside of its box."""
    facts = log.facts
    room = OUT_SHARE * facts.box_tolerance
    found: list[Span] = []
    begin_s: float | None = None
    for m in log.measured:
        out = np.any((m.position < facts.low - room) | (m.position > facts.high + room))
        if out and begin_s is None:
            begin_s = m.at_s
        elif not out and begin_s is not None:
            found.append((begin_s, m.at_s))
            begin_s = None
    if begin_s is not None:
        found.append((begin_s, log.end_s))
    return found


def _by_hand(log: RunLog) -> list[tuple[done.Mark, float]]:
    """Each message of a person, and when that person let go."""
    gone = [m.end_s for m in log.done(done.LET_GO)]
    return [
        (mark, next((t for t in gone if t >= mark.begin_s), np.inf))
        for mark in log.done(done.TELEOP)
    ]
