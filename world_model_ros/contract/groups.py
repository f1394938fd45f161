# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `actions` of a robot file of format 2: named command groups, each with its limits.

The groups in the order of the file are the action vector. `low` and `high` are the scaling that
the network was trained with; `limits` are what guard and planner keep to today.
"""

import re
from typing import Any

from world_model_ros.contract.action import LimitKeys, keys_of, read_group, read_kind
from world_model_ros.contract.command_kind import CommandKind
from world_model_ros.contract.problems import MISSING, Problems, Section
from world_model_ros.contract.rules import MAX_RATE_HZ, whole
from world_model_ros.contract.schema import Action

MAX_GROUPS = 16
MAX_JOINTS = 256  # of all groups: what one chunk may name
FIELDS = ('rate_limit', 'acceleration_limit', 'jerk_limit')  # by order of the derivative
_GROUP_NAME = re.compile(r'[a-z][a-z0-9_]*\Z')


def read_groups(
    top: Section, problems: Problems, command_rate_hz: float, keep_missing: bool = False
) -> list[Action]:
    """Read `actions`: every group without a fault, in the order of the file.

    With `keep_missing` a kind whose plug-in is missing is no fault.
    """
    data = top.get('actions', None)
    if not isinstance(data, dict) or not 1 <= len(data) <= MAX_GROUPS:
        problems.add(
            'actions',
            MISSING if data is None else data,
            f'a mapping of 1 to {MAX_GROUPS} named groups',
            'write actions: {arm: {topic: …, kind: …, …}}',
        )
        return []
    groups = []
    for name, body in data.items():
        path = f'actions.{str(name)[:80]}'
        if not isinstance(name, str) or not _GROUP_NAME.match(name):
            problems.add(path, name, 'a name of small letters, digits and _', 'rename the group')
            continue
        group = _read_group(name, body, path, problems, command_rate_hz, keep_missing)
        if problems.clean(path):
            groups.append(group)
    _check_apart(groups, problems)
    return groups


def limit_names(kind: CommandKind) -> tuple[str, ...]:
    """The keys of `limits` for a kind."""
    stop = () if kind.positions else (_stop_key(kind),)
    return ('low', 'high', *kind.derivatives, *stop)


def _stop_key(kind: CommandKind) -> str:
    return f'stop_{kind.derivatives[0]}'


def _read_group(
    name: str,
    body: Any,
    path: str,
    problems: Problems,
    command_rate_hz: float,
    keep_missing: bool,
) -> Action:
    section = Section(body, path, problems, (*keys_of(body), 'limits', 'rate', 'following_error'))
    kind = read_kind(section, keep_missing)
    inside = section.get('limits', None)
    known = limit_names(kind)
    if kind.missing and isinstance(inside, dict):  # nothing is known of its derivatives
        known = tuple(dict.fromkeys((*known, *inside)))
    limits = Section(inside, f'{path}.limits', problems, known)
    keys = dict(zip(FIELDS, kind.derivatives, strict=False))
    where = LimitKeys(
        limits,
        stop_rate_limit='' if kind.positions else _stop_key(kind),
        limit_low='low',
        limit_high='high',
        **keys,
    )
    rate_hz = _read_rate(section, command_rate_hz)
    return read_group(section, kind, where, name, rate_hz, command_rate_hz)


def _read_rate(section: Section, command_rate_hz: float) -> float:
    """How often a group is commanded, in Hz; 0 for each time that the guard samples."""
    if 'rate' not in section.data:
        return 0.0
    rate = section.number('rate', 'hertz', high=MAX_RATE_HZ)
    clean = section.problems.clean(section.key('rate'), 'control.command_rate')
    if clean and not whole(command_rate_hz / rate):
        section.note(
            'rate',
            rate,
            f'control.command_rate ({command_rate_hz:g}) divided by a whole number',
            f'write {command_rate_hz / max(1, round(command_rate_hz / rate)):.10g}, or let '
            'command_rate be a multiple of the rate of each group',
        )
    return 0.0 if rate == command_rate_hz else rate  # one spelling of the same


def _check_apart(groups: list[Action], problems: Problems) -> None:
    """No joint and no topic belongs to two groups."""
    joints: dict[str, str] = {}
    topics: dict[str, str] = {}
    for group in groups:
        path = f'actions.{group.name}'
        for joint in group.names:
            other = joints.setdefault(joint, group.name)
            if other != group.name:
                problems.add(
                    f'{path}.names',
                    joint,
                    f'joints that no other group commands; {other} has it',
                    'remove it from one of them',
                )
        other = topics.setdefault(group.topic, group.name)
        if other != group.name:
            problems.add(
                f'{path}.topic',
                group.topic,
                f'a topic of its own; {other} has this one',
                'one topic carries one command: put both into one group, or give each its topic',
            )
    if len(joints) > MAX_JOINTS:
        problems.add(
            'actions', f'{len(joints)} joints', f'at most {MAX_JOINTS}', 'command fewer joints'
        )
