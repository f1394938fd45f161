# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""One command group of a robot file: its topic, joints, limits and safe action.

In format 1 it is the section `action`, in format 2 one of `actions` (groups.py). The two differ in
where the limits stand and what they are called; what is checked is the same.
"""

from dataclasses import dataclass
from typing import Any

from world_model_ros.contract.command_kind import CommandKind
from world_model_ros.contract.group_checks import check_group
from world_model_ros.contract.kinds import command_kind, known, missing_text, plugin_of
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
    'limit_margin',
    'home',
)
FORMAT1_LIMITS = ('rate_limit', 'acceleration_limit', 'stop_rate_limit')
# Keys that mean something for some kinds only, and what to write elsewhere.
ONLY_POSITIONS = {
    'hold_tolerance': 'only positions are held',
    'box_tolerance': 'only a commanded position has a box to be outside of',
    'limit_margin': 'only a position lags and sags behind its command',
    'home': 'exploring goes around zero',
    'following_error': 'only a commanded position is compared with the measured one',
}
# The same of limits, in format 1; format 2 names them by kind.
ONLY_POSITIONS_1 = {
    'acceleration_limit': 'rate_limit already bounds how fast the command changes',
}
NO_POSITIONS_1 = {
    'stop_rate_limit': 'a position comes to rest within rate_limit and acceleration_limit',
}
MAX_REASON = 200  # characters of what foreign code raised
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


def read_action(
    top: Section, problems: Problems, keep_missing: bool = False, command_hz: float = 0.0
) -> Action | None:
    """Read format 1's `action`: the one group; None where it is absent.

    With `keep_missing` a kind whose plug-in is missing is no fault. `command_hz` is the rate of
    commands, 0 where it is not known.
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
    section = Section(data, 'action', problems, (*keys_of(data), *FORMAT1_LIMITS))
    kind = read_kind(section, keep_missing)
    if not kind.missing:
        _check_keys(section, kind, NO_POSITIONS_1 if kind.positions else ONLY_POSITIONS_1)
    rate, acceleration, stop = FORMAT1_LIMITS
    keys = LimitKeys(section, rate, acceleration, stop_rate_limit=stop)
    return read_group(section, kind, keys, command_hz=command_hz)


def read_kind(section: Section, keep_missing: bool) -> CommandKind:
    """The kind; one whose plug-in is missing is a fault, unless it is kept."""
    name = section.get('kind')
    if not isinstance(name, str):
        return command_kind(section.choice('kind', known(CommandKind)))
    kind = command_kind(name)
    if kind.missing and not keep_missing:
        section.note('kind', name, *missing_text(kind))
    return kind


def keys_of(data: Any) -> tuple[str, ...]:
    """The keys of a group but for its limits: those of all, and those of its kind."""
    name = data.get('kind') if isinstance(data, dict) else None
    return (*COMMON_KEYS, *(command_kind(name).keys if isinstance(name, str) else ()))


def read_group(
    section: Section,
    kind: CommandKind,
    limits: LimitKeys,
    name: str = '',
    rate_hz: float = 0.0,
    command_hz: float = 0.0,
) -> Action:
    """Read and check one group whose kind and limits are found already.

    Its commands come `rate_hz` times a second, or, where that is 0, at the guard's `command_hz`.
    """
    unit = kind.unit
    names = section.words('names')
    count = len(names)
    message_type = _read_type(section, kind)
    hertz = rate_hz or command_hz
    action = Action(
        topic=read_topic(section),
        type=message_type,
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
        limit_margin=section.number(
            'limit_margin', unit, 0.0, high=MAX_TOLERANCE, low_included=True
        ),
        home=section.numbers('home', unit, count) if 'home' in section.data else (),
        name=name,
        limit_low=limits.read('limit_low', unit, count),
        limit_high=limits.read('limit_high', unit, count),
        jerk_limit=limits.read('jerk_limit', f'{unit} per s³', count),
        rate_hz=rate_hz,
        options=_read_options(section, kind, message_type, names, 1.0 / hertz if hertz else 0.0),
        following_error=(
            section.numbers('following_error', unit, count)
            if 'following_error' in section.data
            else ()
        ),
    )
    if not kind.missing:
        _check_keys(section, kind, {} if kind.positions else ONLY_POSITIONS)
    check_group(section, limits, action, kind)
    return action


def _read_type(section: Section, kind: CommandKind) -> str:
    types = kind.message_types
    found: str = section.choice('type', types, types[0]) if types else section.text('type', '')
    return found


def _read_options(
    section: Section,
    kind: CommandKind,
    message_type: str,
    names: tuple[str, ...],
    command_period_s: float,
) -> tuple[tuple[str, Any], ...]:
    """What the kind reads of its own keys; a plug-in that fails is a fault of the file."""
    if not section.problems.clean(section.key('kind'), section.key('type'), section.key('names')):
        return ()
    try:
        return tuple(kind.read(section, message_type, names, command_period_s))
    except Exception as error:
        if not plugin_of(kind):
            raise
        section.note(
            'kind',
            kind.name,
            f'keys of kind {kind.name!r} of package {plugin_of(kind)}',
            f'repair that package: {type(error).__name__}: {error}'[:MAX_REASON],
        )
        return ()


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
