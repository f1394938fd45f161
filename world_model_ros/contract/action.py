# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `action` of a robot file: the one action group, its limits and its safe action."""

from world_model_ros.contract.command_kind import CommandKind
from world_model_ros.contract.kinds import command_kind, known, missing_text
from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.rules import read_topic
from world_model_ros.contract.schema import Action

ACTION_KEYS = (
    'topic',
    'type',
    'kind',
    'names',
    'low',
    'high',
    'rate_limit',
    'safe',
    'gravity_safe',
    'acceleration_limit',
    'stop_rate_limit',
    'hold_tolerance',
    'box_tolerance',
    'home',
)
# Keys that mean something for some kinds only, and what to write elsewhere.
ONLY_POSITIONS = {
    'acceleration_limit': 'rate_limit already bounds how fast the command changes',
    'hold_tolerance': 'only positions are held',
    'box_tolerance': 'only a commanded position has a box to be outside of',
    'home': 'exploring goes around zero',
}
NO_POSITIONS = {
    'stop_rate_limit': 'a position comes to rest within rate_limit and acceleration_limit',
}
MAX_TOLERANCE = 1.0  # rad or m; more is no tolerance but a missing check


def read_action(top: Section, problems: Problems, keep_missing: bool = False) -> Action | None:
    """Read `action`: the one group, its limits and its safe action; None where it is absent.

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
            'put the keys of one group directly under action',
        )
        return None
    section = Section(data, 'action', problems, ACTION_KEYS)
    kind = _read_kind(section, keep_missing)
    unit = kind.unit
    names = section.words('names')
    action = Action(
        topic=read_topic(section),
        type=_read_type(section, kind),
        kind=kind.name,
        names=names,
        low=section.numbers('low', unit, len(names)),
        high=section.numbers('high', unit, len(names)),
        rate_limit=section.numbers('rate_limit', f'{unit} per second', len(names)),
        safe=section.choice('safe', ('zero', 'hold')),
        gravity_safe=section.flag('gravity_safe', False),
        acceleration_limit=_optional(section, 'acceleration_limit', f'{unit} per s²', len(names)),
        stop_rate_limit=_optional(section, 'stop_rate_limit', f'{unit} per second', len(names)),
        hold_tolerance=section.number('hold_tolerance', unit, 0.05, high=MAX_TOLERANCE),
        box_tolerance=section.number(
            'box_tolerance', unit, 0.02, high=MAX_TOLERANCE, low_included=True
        ),
        home=_optional(section, 'home', unit, len(names)),
    )
    if not kind.missing:
        _check_keys(section, kind, problems)
    _check_later(section, action, problems)
    _check_box(section, action, problems)
    if not kind.missing:
        _check_safe(section, action, kind, problems)
    return action


def _read_kind(section: Section, keep_missing: bool) -> CommandKind:
    """The kind; one whose plug-in is missing is a fault, unless it is kept."""
    name = section.get('kind')
    if not isinstance(name, str):
        return command_kind(section.choice('kind', known(CommandKind)))
    kind = command_kind(name)
    if kind.missing and not keep_missing:
        section.note('kind', name, *missing_text(kind))
    return kind


def _read_type(section: Section, kind: CommandKind) -> str:
    types = kind.message_types
    found: str = section.choice('type', types, types[0]) if types else section.text('type', '')
    return found


def _check_keys(section: Section, kind: CommandKind, problems: Problems) -> None:
    """Note keys that mean something for other kinds only, and what to write instead."""
    for key, remedy in (NO_POSITIONS if kind.positions else ONLY_POSITIONS).items():
        if key in section.data and problems.clean('action.kind'):
            section.note(
                key,
                section.data[key],
                f'no such key for kind {kind.name}',
                f'remove it: {remedy}',
            )


def _optional(section: Section, name: str, unit: str, length: int) -> tuple[float, ...]:
    """Read a list of numbers that may be left out."""
    return section.numbers(name, unit, length) if name in section.data else ()


def _check_later(section: Section, action: Action, problems: Problems) -> None:
    """Check the optional keys: their numbers, and that stops are not slower."""
    for index, limit in enumerate(action.acceleration_limit):
        if limit <= 0:
            section.note(
                f'acceleration_limit[{index}]',
                limit,
                'more than 0',
                'say how fast the speed may change, per second; leave the key out for no limit',
            )
    if problems.clean('action.rate_limit', 'action.stop_rate_limit'):
        pairs = zip(action.stop_rate_limit, action.rate_limit, strict=False)
        for index, (stop, rate) in enumerate(pairs):
            if stop < rate:
                section.note(
                    f'stop_rate_limit[{index}]',
                    stop,
                    f'at least rate_limit[{index}] ({rate:g})',
                    'a stop is never slower than a plan may be',
                )
    if problems.clean('action.low', 'action.high', 'action.home'):
        for index, at in enumerate(action.home):
            low, high = action.low[index], action.high[index]
            if not low <= at <= high:
                section.note(
                    f'home[{index}]',
                    at,
                    f'between low and high ({low:g} to {high:g})',
                    f'correct the home position of {action.names[index]!r}',
                )


def _check_box(section: Section, action: Action, problems: Problems) -> None:
    if problems.clean('action.low', 'action.high'):
        for index, (low, high) in enumerate(zip(action.low, action.high, strict=False)):
            if low >= high:
                section.note(
                    f'low[{index}]',
                    low,
                    f'less than high[{index}] ({high:g})',
                    f'correct the limits of {action.names[index]!r}',
                )
    if problems.clean('action.rate_limit'):
        for index, rate in enumerate(action.rate_limit):
            if rate <= 0:
                section.note(
                    f'rate_limit[{index}]',
                    rate,
                    'more than 0',
                    'say how fast the command may change, per second',
                )


def _check_safe(section: Section, action: Action, kind: CommandKind, problems: Problems) -> None:
    if not problems.clean('action.kind', 'action.safe', 'action.gravity_safe'):
        return
    if action.safe not in kind.safe:
        wanted = ' or '.join(kind.safe)
        section.note(
            'safe', action.safe, f'{wanted} for kind {kind.name}', f'write safe: {kind.safe[0]}'
        )
        return
    if kind.may_fall and not action.gravity_safe:
        section.note(
            'gravity_safe',
            section.get('gravity_safe'),
            f'true for kind {kind.name}',
            f'zero {kind.name} lets the robot fall: write gravity_safe: true only if it '
            'cannot do harm, else command velocity or position',
        )
    if action.safe == 'zero' and problems.clean('action.low', 'action.high'):
        for index, (low, high) in enumerate(zip(action.low, action.high, strict=False)):
            if not low <= 0.0 <= high:
                section.note(
                    f'low[{index}]',
                    low,
                    'a box that contains 0, the safe action',
                    f'correct the limits of {action.names[index]!r}',
                )
