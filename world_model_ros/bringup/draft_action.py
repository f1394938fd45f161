# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From what was heard to the action of a first robot file; each guess has its doubt.

The box is where the robot was seen, so that a file that nobody corrected moves it nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from world_model_ros.bringup.draft_streams import (
    StreamDraft,
    joint_ranges,
    joint_speeds,
    relative,
)
from world_model_ros.bringup.observed import Observed, command_kinds, stream_kinds
from world_model_ros.contract.command_kind import CommandKind

COMMAND_NAME = re.compile(r'cmd|command|goal|target|setpoint|reference|trajectory', re.IGNORECASE)
MIN_HALF_WIDTH = 0.01  # of a joint that did not move, rad or m
MIN_RATE = 0.1  # rad/s: a robot that stood still is explored slowly
STOP_SEC = 0.25  # from the fastest to rest
FIRST_KINDS = ('position', 'velocity', 'effort')  # what drivers take most


@dataclass
class ActionDraft:
    """One command group; `left_out` are keys that only a person can write."""

    name: str
    kind: CommandKind
    keys: dict[str, Any]
    doubts: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, Any] = field(default_factory=dict)
    unnamed: bool = False  # its messages have no names, and they could not be guessed


def command_topics(heard: Sequence[Observed]) -> list[Observed]:
    """Topics that seem to take commands, the most probable first."""
    found = []
    for row in heard:
        if not command_kinds(row.type):
            continue
        named = bool(COMMAND_NAME.search(row.topic))
        waits = bool(row.listeners) and not row.publishers
        only = not stream_kinds(row.type)
        if named or waits or only:
            found.append((-(2 * named + waits + bool(row.listeners)), row.topic, row))
    return [row for _, _, row in sorted(found, key=lambda item: item[:2])]


def draft_action(
    observed: Observed | None,
    streams: Sequence[StreamDraft],
    namespace: str,
    free: Sequence[str] | None = None,
    name: str = '',
) -> ActionDraft:
    """The commands on one topic; without one a stand-in that has doubts.

    `free` are the measured joints that the commands can be of: all, where it is left out.
    """
    ranges, speeds = joint_ranges(streams), joint_speeds(streams)
    mine = list(ranges) if free is None else list(free)
    kind, names, values = _sent(observed, ranges)
    draft = ActionDraft(name, kind, {'topic': 'command'})
    doubts = draft.doubts
    if observed is None:
        doubts['topic'] = 'no topic for commands was seen: write the one that your driver takes'
    else:
        draft.keys['topic'] = relative(observed.topic, namespace)
        if not observed.count:
            doubts['topic'] = 'nothing was sent on it: is it the one that moves the robot?'
        if observed.type != kind.message_types[0]:
            draft.keys['type'] = observed.type
    draft.keys['kind'] = kind.name
    if not values.size or observed is None or not _telling(kind, observed):
        doubts['kind'] = 'a guess: position, velocity or effort, as your driver takes it'
    values = _name(draft, observed, names, values, mine)
    _box(draft, kind, values, ranges, speeds)
    if observed is not None:
        own = kind.draft(observed.type, observed.messages)
        draft.keys |= own.keys
        doubts.update(own.doubts)
    return draft


def _name(
    draft: ActionDraft,
    observed: Observed | None,
    names: list[str],
    values: np.ndarray,
    mine: list[str],
) -> np.ndarray:
    """Set the names, and return the numbers [N, A] that were sent for them."""
    doubts = draft.doubts
    axes = draft.kind.axes(observed.type) if observed else ()
    found = names or list(axes) or list(mine)
    if axes and values.any():
        moved = np.flatnonzero(values.any(axis=0))
        found, values = [found[i] for i in moved], values[:, moved]
        doubts['names'] = 'the velocities that were not always zero; others are sent as zero'
    elif axes:
        doubts['names'] = 'leave the velocities that the base can follow'
    elif not values.size:
        which = 'measured joints' if draft.name else 'all measured joints'
        doubts['names'] = f'{which}: leave those that the driver takes'
    elif values.shape[1] != len(found):
        draft.unnamed = True
        found = [f'{draft.name}_{i}' if draft.name else f'a{i}' for i in range(values.shape[1])]
        doubts['names'] = 'the messages have no names: write those of the joints, in their order'
    elif draft.name and not names:
        doubts['names'] = 'the messages have no names: guessed; check them and their order'
    draft.keys['names'] = found
    return values


def _sent(
    observed: Observed | None, ranges: dict[str, tuple[float, float]]
) -> tuple[CommandKind, list[str], np.ndarray]:
    """Kind, names and numbers [N, A] of what was sent; none where nothing was, or has no names."""
    kinds = command_kinds(observed.type if observed else 'sensor_msgs/msg/JointState')
    kinds.sort(key=lambda kind: FIRST_KINDS.index(kind.name) if kind.name in FIRST_KINDS else 9)
    for kind in kinds:
        names: tuple[str, ...] = ()
        rows: list[np.ndarray] = []
        for cdr in observed.messages if observed else ():
            try:
                said = kind.heard(observed.type, cdr) if observed else None
            except ValueError:
                continue
            if said is None or not np.all(np.isfinite(said[1])):
                continue
            if not rows:
                names = said[0]
            if said[0] == names and len(said[1]) == len(rows[0] if rows else said[1]):
                rows.append(said[1])
        if rows:
            return kind, list(names), np.array(rows)
    moves = any(math.isfinite(low) for low, _ in ranges.values())
    names_ = [kind.name for kind in kinds]
    first = 'velocity' if not moves and 'velocity' in names_ else names_[0]
    return kinds[names_.index(first)], [], np.zeros((0, 0))


def _telling(kind: CommandKind, observed: Observed) -> bool:
    """Whether a message of the type says which kind it is: only then no other one hears it."""
    cdr = observed.messages[0]
    others = [row for row in command_kinds(observed.type) if row.name != 'position_delta']
    try:
        return sum(row.heard(observed.type, cdr) is not None for row in others) == 1
    except ValueError:
        return False


def _box(
    draft: ActionDraft,
    kind: CommandKind,
    values: np.ndarray,
    ranges: dict[str, tuple[float, float]],
    speeds: dict[str, float],
) -> None:
    names, doubts = draft.keys['names'], draft.doubts
    low, high, rate = [], [], []
    for i, name in enumerate(names):
        sent = [float(x) for x in values[:, i]] if values.size else []
        if _holds(kind):
            seen = [x for x in (*ranges.get(name, ()), *sent) if math.isfinite(x)] or [0.0]
            least, most = min(seen), max(seen)
            if most - least < 2 * MIN_HALF_WIDTH:
                middle = 0.5 * (least + most)
                least, most = middle - MIN_HALF_WIDTH, middle + MIN_HALF_WIDTH
            fastest = max(speeds.get(name, 0.0), MIN_RATE)
        else:
            measured = speeds.get(name, 0.0) if kind.name == 'velocity' else 0.0
            most = max([abs(x) for x in sent] + [measured, MIN_RATE])
            least, fastest = -most, 2 * most
        low.append(_out(least, -1))
        high.append(_out(most, 1))
        rate.append(float(f'{fastest:.2g}'))
    draft.keys |= {'low': low, 'high': high, 'rate_limit': rate}
    doubts['low'] = (
        'low and high: where the joints were while they were watched; write the limits that are '
        'safe'
        if _holds(kind)
        else 'low and high: the largest that was sent or measured; write what is safe'
    )
    doubts['rate_limit'] = f'how fast the command may change, {kind.unit} per second: what is safe'
    if _holds(kind):
        draft.keys['acceleration_limit'] = [float(f'{x / STOP_SEC:.2g}') for x in rate]
        doubts['acceleration_limit'] = 'per second squared: what the robot can do'
    draft.keys['safe'] = kind.safe[0]
    if kind.may_fall:
        draft.left_out['gravity_safe'] = True
        doubts['gravity_safe'] = (
            f'zero {kind.name} lets a robot fall. Write this line only if it cannot do harm; else '
            'command velocity or position'
        )


def _out(value: float, side: int) -> float:
    """Three digits behind the point, away from the middle of the box."""
    rounder = math.ceil if side > 0 else math.floor
    return rounder(value * 1000 - side * 1e-6) / 1000


def _holds(kind: CommandKind) -> bool:
    """Whether the numbers are positions that the robot holds."""
    return kind.positions and kind.safe[0] == 'hold'
