# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""One command group of a robot file: its topic, joints, limits and safe action.

In format 1 it is the section `action`, in format 2 one of `actions` (groups.py). The two differ in
where the limits stand and what they are called; what is checked is the same.
"""

from dataclasses import dataclass

from world_model_ros.contract.command_kind import CommandKind
from world_model_ros.contract.group_checks import check_group
from world_model_ros.contract.kinds import command_kind, known, missing_text
from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.rules import read_topic
from world_model_ros.contract.schema import Action

COMMON_KEYS = (
    'topic',
    'type',
    'kind',
    'names',
    'low',
    'high',
    'safe',
    'gravity_safe',
    'hold_tolerance',
    'box_tolerance',
    'home',
)
FORMAT1_LIMITS = ('rate_limit', 'acceleration_limit', 'stop_rate_limit')
# Keys that mean something for some kinds only, and what to write elsewhere.
ONLY_POSITIONS = {
    'hold_tolerance': 'only positions are held',
    'box_tolerance': 'only a commanded position has a box to be outside of',
    'home': 'exploring goes around zero',
}
# The same of limits, in format 1; format 2 names them by kind.
ONLY_POSITIONS_1 = {
    'acceleration_limit': 'rate_limit already bounds how fast the command changes',
}
NO_POSITIONS_1 = {
    'stop_rate_limit': 'a position comes to rest within rate_limit and acceleration_limit',
}
MAX_TOLERANCE = 1.0  # rad or m; more is no tolerance but a missing check


@dataclass(frozen=True)
class LimitKeys:
    """Where the limits of a group stand, and the key of each field of Action; '' for none."""

    section: Section
    rate_limit: str
    acceleration_limit: str = ''
    jerk_limit: str = ''
    stop_rate_limit: str = ''
    limit_low: str = ''
    limit_high: str = ''

    def read(self, field: str, unit: str, length: int) -> tuple[float, ...]:
        """A list of numbers that may be left out."""
        key = getattr(self, field)
        given = bool(key) and key in self.section.data
        return self.section.numbers(key, unit, length) if given else ()


def read_action(top: Section, problems: Problems, keep_missing: bool = False) -> Action | None:
    """Read format 1's `action`: the one group; None where it is absent.

    With `keep_missing` a kind whose plug-in is missing is no fault.
    """
    data = top.get('action', None)
    groups = (
        [str(key)[:80] for key in data]
        if isinstance(data, dict)
        and data
        and all(isinstance(value, dict) for value in data.values())
        else []
    )
    if groups or isinstance(data, list):
        problems.add(
            'action',
            groups or data,
            'one action group in format 1',
            'put the keys of one group directly under action; for several write format: 2 and '
            'actions',
        )
        return None
    section = Section(data, 'action', problems, (*COMMON_KEYS, *FORMAT1_LIMITS))
    kind = read_kind(section, keep_missing)
    if not kind.missing:
        _check_keys(section, kind, NO_POSITIONS_1 if kind.positions else ONLY_POSITIONS_1)
    rate, acceleration, stop = FORMAT1_LIMITS
    keys = LimitKeys(section, rate, acceleration, stop_rate_limit=stop)
    return read_group(section, kind, keys)


def read_kind(section: Section, keep_missing: bool) -> CommandKind:
    """The kind; one whose plug-in is missing is a fault, unless it is kept."""
    name = section.get('kind')
    if not isinstance(name, str):
        return command_kind(section.choice('kind', known(CommandKind)))
    kind = command_kind(name)
    if kind.missing and not keep_missing:
        section.note('kind', name, *missing_text(kind))
    return kind


def read_group(
    section: Section, kind: CommandKind, limits: LimitKeys, name: str = '', rate_hz: float = 0.0
) -> Action:
    """Read and check one group whose kind and limits are found already."""
    unit = kind.unit
    names = section.words('names')
    count = len(names)
    action = Action(
        topic=read_topic(section),
        type=_read_type(section, kind),
        kind=kind.name,
        names=names,
        low=section.numbers('low', unit, count),
        high=section.numbers('high', unit, count),
        rate_limit=limits.section.numbers(limits.rate_limit, f'{unit} per second', count),
        safe=section.choice('safe', ('zero', 'hold')),
        gravity_safe=section.flag('gravity_safe', False),
        acceleration_limit=limits.read('acceleration_limit', f'{unit} per s²', count),
        stop_rate_limit=limits.read('stop_rate_limit', f'{unit} per second', count),
        hold_tolerance=section.number('hold_tolerance', unit, 0.05, high=MAX_TOLERANCE),
        box_tolerance=section.number(
            'box_tolerance', unit, 0.02, high=MAX_TOLERANCE, low_included=True
        ),
        home=section.numbers('home', unit, count) if 'home' in section.data else (),
        name=name,
        limit_low=limits.read('limit_low', unit, count),
        limit_high=limits.read('limit_high', unit, count),
        jerk_limit=limits.read('jerk_limit', f'{unit} per s³', count),
        rate_hz=rate_hz,
    )
    if not kind.missing:
        _check_keys(section, kind, {} if kind.positions else ONLY_POSITIONS)
    check_group(section, limits, action, kind)
    return action


def _read_type(section: Section, kind: CommandKind) -> str:
    types = kind.message_types
    found: str = section.choice('type', types, types[0]) if types else section.text('type', '')
    return found


def _check_keys(section: Section, kind: CommandKind, useless: dict[str, str]) -> None:
    """Note keys that mean something for other kinds only, and what to write instead."""
    for key, remedy in useless.items():
        if key in section.data and section.problems.clean(section.key('kind')):
            section.note(
                key,
                section.data[key],
                f'no such key for kind {kind.name}',
                f'remove it: {remedy}',
            )
