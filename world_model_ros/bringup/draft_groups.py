# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the topics of commands to the groups of a first robot file, and their text.

One group is written as `action` of format 1; several, such as an arm and its gripper, as `actions`
of format 2. A topic becomes a group of its own where its joints belong to no other group. Which
joints those are is said by its messages, or guessed from the words of its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from world_model_ros.bringup.draft_action import ActionDraft, draft_action
from world_model_ros.bringup.draft_streams import StreamDraft, joint_ranges, relative
from world_model_ros.bringup.draft_text import DraftText, scalar
from world_model_ros.bringup.observed import Observed, command_kinds
from world_model_ros.contract.groups import FIELDS, MAX_GROUPS

LEAST_HZ = 1.0  # what is sent more seldom is sent when it changes: that is no rate
# Words that say nothing of whose commands they are.
_DULL = {
    *(
        'cmd',
        'command',
        'commands',
        'goal',
        'target',
        'setpoint',
        'reference',
        'set',
        'controller',
    ),
    *(
        'joint',
        'joints',
        'trajectory',
        'position',
        'velocity',
        'effort',
        'forward',
        'vel',
        'group',
    ),
}
_SAME = {'finger': 'gripper', 'fingers': 'gripper', 'hand': 'gripper', 'grip': 'gripper'}
_NAME = re.compile(r'[a-z][a-z0-9_]*\Z')


@dataclass(frozen=True)
class CommandsDraft:
    """The groups, and topics that take commands too."""

    groups: tuple[ActionDraft, ...]
    others: tuple[str, ...] = ()


def draft_commands(
    topics: Sequence[Observed],
    streams: Sequence[StreamDraft],
    namespace: str,
    command_hz: float,
) -> CommandsDraft:
    """The groups of all topics that seem to take commands, the most probable first."""
    if not topics:
        return CommandsDraft((draft_action(None, streams, namespace),))
    measured = list(joint_ranges(streams))
    claims = _claims([relative(row.topic, namespace) for row in topics], measured)
    groups: list[ActionDraft] = []
    others: list[str] = []
    left = len(measured)  # joints that no group commands
    for row, claimed in zip(topics, claims, strict=True):
        taken = {name for group in groups for name in group.keys['names']}
        free = [name for name in claimed or _unclaimed(measured, claims) if name not in taken]
        free = _part(row, streams, free) or free
        name = _name(relative(row.topic, namespace), row, {group.name for group in groups})
        draft = draft_action(row, streams, namespace, free, name)
        sure = not groups or _sure(draft, row, claimed, left)
        if not sure or taken & set(draft.keys['names']) or len(groups) == MAX_GROUPS:
            others.append(row.topic)
            continue
        groups.append(draft)
        left -= 0 if _axes(row) else len(draft.keys['names'])
        _rate(draft, row, command_hz)
    if len(groups) == 1:
        groups = [draft_action(topics[0], streams, namespace)]
    return CommandsDraft(tuple(groups), tuple(others))


def write_commands(writer: DraftText, drafted: CommandsDraft) -> None:
    """Write `action`, or `actions` where there are several groups."""
    several = len(drafted.groups) > 1
    writer.section('actions' if several else 'action')
    if drafted.others:
        writer.comment('  ', f'Commands are taken on {", ".join(drafted.others)} too.')
    for group in drafted.groups:
        if several:
            writer.section(group.name, '  ')
            _write(writer, group, '    ', f'actions.{group.name}')
        else:
            _write(writer, group, '  ', 'action')


def _write(writer: DraftText, group: ActionDraft, indent: str, path: str) -> None:
    """One group; of several, its limits stand in a section and are called as their kind says."""
    several = path != 'action'
    limits = {
        f'{field}': name for field, name in zip(FIELDS, group.kind.derivatives, strict=False)
    }
    inside = [key for key in group.keys if several and key in limits]
    for key, value in group.keys.items():
        if key not in inside:
            writer.key(indent, key, value, group.doubts.get(key, ''), f'{path}.{key}')
    for key, value in group.left_out.items():
        writer.note(indent, group.doubts[key], f'{path}.{key}')
        writer.comment(indent, f'{key}: {scalar(value)}')
    if inside:
        writer.section('limits', indent)
    for key in inside:
        where = f'{path}.limits.{limits[key]}'
        doubt = group.doubts.get(key, '')
        writer.key(f'{indent}  ', limits[key], group.keys[key], doubt, where)


def _axes(row: Observed) -> bool:
    """Whether the names are those of the message, not of joints."""
    return any(kind.axes(row.type) for kind in command_kinds(row.type))


def _sure(draft: ActionDraft, row: Observed, claimed: list[str], left: int) -> bool:
    """Whether a topic beside the first one takes commands of something else."""
    if row.listeners == ():
        return False  # live, and nobody takes them
    if _axes(row):
        return True
    if not row.count:
        return bool(claimed)
    return not draft.unnamed or len(draft.keys['names']) <= left


def _claims(topics: Sequence[str], joints: Sequence[str]) -> list[list[str]]:
    """For each topic the joints whose names have more words of it than of any other topic."""
    words = [_words(topic) for topic in topics]
    found: list[list[str]] = [[] for _ in topics]
    for joint in joints:
        shared = [len(_words(joint) & each) for each in words]
        best = max(shared, default=0)
        if best and shared.count(best) == 1:
            found[shared.index(best)].append(joint)
    return found


def _words(name: str) -> set[str]:
    found = {word for word in re.split(r'[^a-z]+', name.lower()) if len(word) > 1}
    return {_SAME.get(word, word) for word in found} - _DULL


def _unclaimed(measured: Sequence[str], claims: Sequence[Sequence[str]]) -> list[str]:
    claimed = {joint for each in claims for joint in each}
    return [joint for joint in measured if joint not in claimed]


def _part(row: Observed, streams: Sequence[StreamDraft], free: Sequence[str]) -> list[str]:
    """The joints of the only stream that has as many as an unnamed command, all of them free."""
    width = 0
    for kind in command_kinds(row.type):
        for cdr in row.messages[-1:]:
            try:
                said = kind.heard(row.type, cdr)
            except ValueError:
                continue
            width = len(said[1]) if said is not None and not said[0] else width
    parts = [list(draft.stream.names) for draft in streams if draft.stream is not None]
    fitting = [names for names in parts if len(names) == width and set(names) <= set(free)]
    return fitting[0] if len(fitting) == 1 else []


def _name(topic: str, row: Observed, taken: set[str]) -> str:
    """A name for a group, from its topic."""
    parts = re.split(r'[^a-z0-9]+', topic.lower())
    found = '_'.join(part for part in parts if part and part not in _DULL)
    if not _NAME.match(found):
        found = 'base' if _axes(row) else 'group'
    number, name = 2, found
    while name in taken:
        name, number = f'{found}_{number}', number + 1
    return name


def _rate(draft: ActionDraft, row: Observed, command_hz: float) -> None:
    """A rate of its own for a group that was commanded more seldom than others will be."""
    if row.rate_hz < LEAST_HZ or row.rate_hz > command_hz / 1.5:
        return
    draft.keys['rate'] = float(f'{command_hz / round(command_hz / row.rate_hz):.10g}')
    draft.doubts['rate'] = f'Hz; {row.rate_hz:.3g} were measured; without it, control.command_rate'
