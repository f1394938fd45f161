# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What must hold between the keys of one command group: box, limits inside of it, safe action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from world_model_ros.contract.command_kind import CommandKind
from world_model_ros.contract.problems import Section

if TYPE_CHECKING:
    from world_model_ros.contract.action import LimitKeys
    from world_model_ros.contract.schema import Action


def check_group(section: Section, limits: LimitKeys, action: Action, kind: CommandKind) -> None:
    """Note every fault of a group whose keys are read."""
    _check_box(section, action)
    _check_limits_inside(section, limits, action)
    _check_above_zero(limits, action)
    if action.jerk_limit and not action.acceleration_limit:
        limits.section.note(
            limits.jerk_limit,
            list(action.jerk_limit),
            f'{limits.acceleration_limit} beside it',
            f'say how much {limits.acceleration_limit} there may be, too',
        )
    _check_margin(section, limits, action)
    _check_stop(limits, action)
    _check_home(section, limits, action)
    _check_following(section, action)
    if not kind.missing:
        _check_safe(section, limits, action, kind)


def _clean(section: Section, *names: str) -> bool:
    return section.problems.clean(*(section.key(name) for name in names))


def _check_box(section: Section, action: Action) -> None:
    if not _clean(section, 'low', 'high'):
        return
    for index, (low, high) in enumerate(zip(action.low, action.high, strict=False)):
        if low >= high:
            section.note(
                f'low[{index}]',
                low,
                f'less than high[{index}] ({high:g})',
                f'correct the limits of {action.names[index]!r}',
            )


def _check_limits_inside(section: Section, limits: LimitKeys, action: Action) -> None:
    """The limits of today lie inside of what the network was trained with."""
    low_key, high_key = limits.limit_low, limits.limit_high
    if not _clean(section, 'low', 'high', 'names') or not limits.section.problems.clean(
        *(limits.section.key(key) for key in (low_key, high_key) if key)
    ):
        return
    for key, values, sign in ((low_key, action.limit_low, 1), (high_key, action.limit_high, -1)):
        for index, at in enumerate(values):
            low, high = action.low[index], action.high[index]
            if not low <= at <= high:
                end, word = (low, 'least') if sign > 0 else (high, 'most')
                limits.section.note(
                    f'{key}[{index}]',
                    at,
                    f'at {word} {end:g}, inside of low and high of the group',
                    'the network knows nothing outside of low and high: keep the limit of '
                    f'{action.names[index]!r} inside, or train with a wider box',
                )
    if action.limit_low or action.limit_high:
        lows, highs = action.limit_low or action.low, action.limit_high or action.high
        for index, (low, high) in enumerate(zip(lows, highs, strict=False)):
            if low >= high:
                key = low_key if action.limit_low else high_key
                limits.section.note(
                    f'{key}[{index}]',
                    low if action.limit_low else high,
                    f'limits with low ({low:g}) less than high ({high:g})',
                    f'correct the limits of {action.names[index]!r}',
                )


def _check_above_zero(limits: LimitKeys, action: Action) -> None:
    advice = {
        'rate_limit': 'say how fast the command may change, per second',
        'acceleration_limit': (
            'say how fast the speed may change, per second; leave the key out for no limit'
        ),
        'jerk_limit': (
            'say how fast the acceleration may change, per second; leave the key out for no limit'
        ),
    }
    for field, remedy in advice.items():
        key = getattr(limits, field)
        if not key or not _clean(limits.section, key):
            continue
        for index, limit in enumerate(getattr(action, field)):
            if limit <= 0:
                limits.section.note(f'{key}[{index}]', limit, 'more than 0', remedy)


def _check_margin(section: Section, limits: LimitKeys, action: Action) -> None:
    """There is room left between the limits, and home lies in it."""
    margin = action.limit_margin
    if not margin or not _clean(section, 'low', 'high', 'names', 'limit_margin', 'home'):
        return
    if not limits.section.problems.clean(limits.section.path):
        return
    lows, highs = action.limit_low or action.low, action.limit_high or action.high
    homes = action.home or tuple((low + high) / 2 for low, high in zip(lows, highs, strict=True))
    for name, low, high, home in zip(action.names, lows, highs, homes, strict=True):
        if low + margin >= high - margin or not low + margin <= home <= high - margin:
            section.note(
                'limit_margin',
                margin,
                f'room and home left within {low:g} to {high:g} of {name}',
                'write a smaller margin, or move home inwards',
            )
            return


def _check_stop(limits: LimitKeys, action: Action) -> None:
    rate_key, stop_key = limits.rate_limit, limits.stop_rate_limit
    if not stop_key or not _clean(limits.section, rate_key, stop_key):
        return
    for index, (stop, rate) in enumerate(
        zip(action.stop_rate_limit, action.rate_limit, strict=False)
    ):
        if stop < rate:
            limits.section.note(
                f'{stop_key}[{index}]',
                stop,
                f'at least {rate_key}[{index}] ({rate:g})',
                'a stop is never slower than a plan may be',
            )


def _check_home(section: Section, limits: LimitKeys, action: Action) -> None:
    if not _clean(section, 'low', 'high', 'home') or not _limits_clean(limits):
        return
    lows, highs = action.limit_low or action.low, action.limit_high or action.high
    for index, (at, low, high) in enumerate(zip(action.home, lows, highs, strict=False)):
        if not low <= at <= high:
            section.note(
                f'home[{index}]',
                at,
                f'between low and high ({low:g} to {high:g})',
                f'correct the home position of {action.names[index]!r}',
            )


def _check_following(section: Section, action: Action) -> None:
    """A joint at rest may be `hold_tolerance` away from its command: that is no fault."""
    if not _clean(section, 'following_error', 'hold_tolerance'):
        return
    for index, error in enumerate(action.following_error):
        if error < action.hold_tolerance:
            section.note(
                f'following_error[{index}]',
                error,
                f'at least hold_tolerance ({action.hold_tolerance:g})',
                'a joint at rest may be that far away already: write more, or a smaller '
                'hold_tolerance',
            )


def _limits_clean(limits: LimitKeys) -> bool:
    keys = [key for key in (limits.limit_low, limits.limit_high) if key]
    return not keys or _clean(limits.section, *keys)


def _check_safe(section: Section, limits: LimitKeys, action: Action, kind: CommandKind) -> None:
    if not _clean(section, 'kind', 'safe', 'gravity_safe'):
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
    if action.safe != 'zero' or not _clean(section, 'low', 'high') or not _limits_clean(limits):
        return
    where, key, lows, highs = section, 'low', action.low, action.high
    if action.limit_low or action.limit_high:  # they lie inside of low and high
        where, key = limits.section, limits.limit_low if action.limit_low else limits.limit_high
        lows, highs = action.limit_low or lows, action.limit_high or highs
    for index, (low, high) in enumerate(zip(lows, highs, strict=False)):
        if not low <= 0.0 <= high:
            where.note(
                f'{key}[{index}]',
                high if key == limits.limit_high else low,
                'a box that contains 0, the safe action',
                f'correct the limits of {action.names[index]!r}',
            )
