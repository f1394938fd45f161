# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rules of docs/reference/guard.md, held against what the driver received. Own sums only.

Input: the log of one run. Output: which rules did not hold. Each step is judged by the times that
the commands carry, never by when they arrived: the unfriendly arm's driver does that.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from world_model_ros.bench.chaos import guard_log as done
from world_model_ros.bench.chaos.guard_log import Command, Mark, RunLog, Session
from world_model_ros.bench.chaos.guard_still import check_still
from world_model_ros.bench.chaos.runs import Violation

# How late a process on a busy machine may notice what happened.
REACT_S = 0.15
SILENT_S = 0.2  # after somebody else's command, on a busy machine
SILENCE_S = 0.5  # longer without a command is silence, not jitter
PAUSE_PERIODS = 3.5  # after such a pause motion may begin again from rest
START_ROOM = 0.005  # of the first command around the measured position: encoders, rounding
DDS_S = 1.5  # until shared memory of a dead process is given up
LATCH_S = 0.2  # until a stop must be on disk
EPS = 1e-6


def judge(log: RunLog, checked: Counter[str]) -> list[Violation]:
    """Hold every rule against one run."""
    found: list[Violation] = []
    ours = [command for command in log.commands if not command.foreign]
    active = done.sessions(log, SILENT_S)
    checked['commands'] += len(ours)
    checked['activations'] += len(active)
    found += _only_while_active(log, ours, active)
    for session in active:
        sent = [c for c in ours if session.begin_s <= c.sent_s <= session.end_s + EPS]
        found += _begins_where_it_is(log, session, sent)
        found += _steps(log, sent, checked)
        found += _inside(log, sent)
        found += _never_silent(log, session, sent)
        found += _ends_at_rest(log, session, sent)
        found += check_still(log, session, sent, REACT_S, checked)
    found += _activations(log, checked)
    return found


def _when(log: RunLog, at_s: float) -> str:
    """A time of the run, with what was done last before it."""
    before = [mark for mark in log.marks if mark.begin_s <= at_s and mark.name != done.CHUNK]
    last = [f'{m.name}{"" if m.ok else " refused"}@{m.begin_s - log.begin_s:.3f}' for m in before]
    return f'at {at_s - log.begin_s:.3f} s after {", ".join(last[-4:]) or "nothing"}'


def _only_while_active(log: RunLog, ours: list[Command], active: list[Session]) -> list[Violation]:
    stray = [c for c in ours if not any(s.begin_s <= c.sent_s <= s.end_s + EPS for s in active)]
    if not stray:
        return []
    text = f'{len(stray)} commands, the first {_when(log, stray[0].sent_s)}'
    return [Violation('commanded while not activated', text)]


def _begins_where_it_is(log: RunLog, session: Session, sent: list[Command]) -> list[Violation]:
    if not sent:
        return []
    first, facts = sent[0], log.facts
    if not facts.position:
        low = high = np.zeros(len(facts.names))
        room = np.maximum(facts.rate, facts.stop_rate) * facts.period_s + EPS
    else:
        near = [
            m.position
            for m in log.measured
            if session.begin_s - 2.0 * REACT_S <= m.at_s <= first.sent_s + REACT_S
        ]
        if not near:
            return [Violation('activated without positions', _when(log, session.begin_s))]
        low, high = np.min(near, axis=0), np.max(near, axis=0)
        room = np.full(len(low), START_ROOM) + facts.rate * facts.period_s
    away = np.maximum(low - first.values, first.values - high) - room
    if not np.any(away > 0.0):
        return []
    i = int(np.argmax(away))
    return [
        Violation(
            'first command is not where the robot is',
            f'{facts.names[i]}: {first.values[i]:.4f}, robot {low[i]:.4f} to {high[i]:.4f}, '
            f'{_when(log, first.sent_s)}',
        )
    ]


def _steps(log: RunLog, sent: list[Command], checked: Counter[str]) -> list[Violation]:
    """No step beyond the rate and the acceleration limit."""
    facts, found = log.facts, []
    speed = np.zeros(len(facts.names))
    known = True  # whether `speed` is that of the command before
    for n, (before, now) in enumerate(pairwise(sent)):
        step = now.values - before.values
        meant_s = now.stamp_s - before.stamp_s
        lost = now.number - before.number - 1
        # A clock that stands or jumped: one period of motion at most.
        dt_s = facts.period_s if meant_s <= 0.0 else min(meant_s, facts.period_s)
        allowed_s = dt_s + lost * facts.period_s
        checked['steps'] += 1
        if lost:
            checked['lost'] += lost
        rate = facts.rate
        if not facts.position:
            sinking = (np.abs(now.values) < np.abs(before.values)) & (
                now.values * before.values >= 0.0
            )
            rate = np.where(sinking, np.maximum(facts.stop_rate, rate), rate)
        over = np.abs(step) - rate * allowed_s
        if np.any(over > EPS):
            i = int(np.argmax(over))
            found.append(
                Violation(
                    'step beyond the rate limit',
                    f'{facts.names[i]}: {before.values[i]:.5f} to {now.values[i]:.5f} for '
                    f'{1e3 * dt_s:.1f} ms, {_when(log, now.sent_s)}',
                )
            )
        last, speed = speed, step / dt_s
        gap_s = max(now.sent_s - before.sent_s, meant_s)  # simulated time may jump
        paused = gap_s > PAUSE_PERIODS * facts.period_s
        # Between two samples of the guard that were not sent, time may have been cut as above:
        # their mean speeds do not tell. The driver judges such a group's acceleration.
        exact = facts.every == 1 and facts.acceleration is not None
        if known and not lost and exact:
            # The first command may have begun to move already, from rest where the robot is.
            change_s = dt_s + (0.0 if n else facts.period_s)
            i, text = _too_sudden(log, before.values, last, speed, dt_s, change_s, paused)
            if i >= 0:
                found.append(
                    Violation(
                        'step beyond the acceleration limit',
                        f'{facts.names[i]}: {text}, {_when(log, now.sent_s)}',
                    )
                )
        known = not lost
    return found[:3]  # one cause makes many


def _too_sudden(
    log: RunLog,
    value: np.ndarray,
    last: np.ndarray,
    speed: np.ndarray,
    dt_s: float,
    change_s: float,
    paused: bool,
) -> tuple[int, str]:
    """Which joint's speed changed faster than it may, -1 for none; only the box may ask for it."""
    facts = log.facts
    limit = facts.acceleration
    assert limit is not None
    change = np.abs(speed - last)
    if paused:
        change = np.minimum(change, np.abs(speed))
    room = np.where(last > 0.0, facts.high - value, value - facts.low)
    no_room = (last**2 / (2.0 * limit) > room - np.abs(last) * dt_s - EPS) & (
        np.abs(speed) < np.abs(last)
    )
    over = np.where(no_room, -1.0, change - limit * change_s)
    i = int(np.argmax(over))
    # Rounding of a position, seen as a speed.
    if over[i] <= 1e-5 + 1e-12 / dt_s:
        return -1, ''
    return i, f'speed {last[i]:.4f} to {speed[i]:.4f} within {1e3 * dt_s:.1f} ms'


def _inside(log: RunLog, sent: list[Command]) -> list[Violation]:
    """Inside of the box; outside of it only held or inwards."""
    facts = log.facts
    for i, command in enumerate(sent):
        out = np.maximum(facts.low - command.values, command.values - facts.high)
        if i == 0 and facts.position:
            continue  # it begins where the robot is
        before = (
            np.maximum(facts.low - sent[i - 1].values, sent[i - 1].values - facts.high)
            if i
            else np.zeros(len(out))
        )
        worse = np.where(out > EPS, out - np.maximum(before, 0.0), -1.0)
        if np.any(worse > EPS) or not np.all(np.isfinite(command.values)):
            j = int(np.argmax(worse))
            return [
                Violation(
                    'outside of the box',
                    f'{facts.names[j]}: {command.values[j]:.5f}, box {facts.low[j]:.4f} to '
                    f'{facts.high[j]:.4f}, {_when(log, command.sent_s)}',
                )
            ]
    return []


def _never_silent(log: RunLog, session: Session, sent: list[Command]) -> list[Violation]:
    """A guard that lives and is active sends; a process that was stopped is excused."""
    hung = [(m.begin_s, m.end_s + REACT_S) for m in log.done(done.GUARD_HUNG)]
    # Nobody receives while the driver's process is away; DDS may block a writer for a second on
    # the shared memory of a process that was killed.
    hung += [(m.begin_s, m.end_s + DDS_S) for m in log.done(done.DRIVER_AWAY)]
    end_s = session.sends_s
    if session.ended_by is not None and session.ended_by.name != done.GUARD_KILLED:
        end_s = session.ended_by.begin_s  # on its way to rest it sends, then not
    times = [session.active_s, *(c.sent_s for c in sent if c.sent_s <= end_s), end_s]
    for a, b in pairwise(times):
        for part in done.without((a, b), hung):
            if part[1] - part[0] > SILENCE_S:
                text = f'{part[1] - part[0]:.2f} s, {_when(log, part[0])}'
                return [Violation('silence while active', text)]
    return []


def _ends_at_rest(log: RunLog, session: Session, sent: list[Command]) -> list[Violation]:
    """Deactivation, and an orderly end, bring the robot to rest first."""
    mark = session.ended_by
    if mark is None or mark.name == done.GUARD_KILLED or len(sent) < 2:
        return []
    facts = log.facts
    last = sent[-1].values - sent[-2].values if facts.position else sent[-1].values
    room = np.zeros(len(last))
    if facts.position and facts.every > 1 and facts.acceleration is not None:
        room = facts.acceleration * facts.period_s**2  # it came to rest between the two
    if not np.any(np.abs(last) > room + EPS):
        return []
    i = int(np.argmax(np.abs(last) - room))
    text = f'{facts.names[i]}: {last[i]:+.5f}, {_when(log, sent[-1].sent_s)}'
    return [Violation('ended in motion', text)]


def _activations(log: RunLog, checked: Counter[str]) -> list[Violation]:
    """No activation while stopped, beside somebody else, or without positions."""
    found = []
    facts = log.facts
    stopped = done.spans(log.done(done.STOP), log.done(done.RELEASE), log.end_s)
    others = done.spans(
        log.done(done.FOREIGN_SILENT, done.FOREIGN_SENDS), log.done(done.FOREIGN_OFF), log.end_s
    )
    lost = done.spans(log.done(done.JOINTS_BAD), log.done(done.JOINTS_GOOD), log.end_s)
    for mark in log.marks:
        if mark.name == done.ACTIVATE and not mark.ok:
            checked['activations refused'] += 1
    for mark in log.done(done.ACTIVATE):
        if _within(mark, stopped, 0.0) and not _forgotten(log, mark):
            found.append(Violation('activated while stopped', _when(log, mark.begin_s)))
        known = mark.begin_s > done.knows_graph_s(log, mark.begin_s)
        if known and _within(mark, others, done.GRAPH_S):
            found.append(Violation('activated beside another publisher', _when(log, mark.begin_s)))
        if facts.position and _within(mark, lost, facts.max_age_s + REACT_S):
            found.append(Violation('activated without positions', _when(log, mark.begin_s)))
    return found


def _within(mark: Mark, spans: list[tuple[float, float]], after_s: float) -> bool:
    return any(begin_s + after_s < mark.begin_s and mark.end_s < end_s for begin_s, end_s in spans)


def _forgotten(log: RunLog, mark: Mark) -> bool:
    """Whether the guard was killed before its newest stop could be on disk."""
    stops = [m for m in log.done(done.STOP) if m.end_s <= mark.begin_s]
    return any(
        stops[-1].begin_s <= kill.begin_s <= stops[-1].end_s + LATCH_S
        for kill in log.done(done.GUARD_KILLED)
    )
