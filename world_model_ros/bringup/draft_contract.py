# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A first robot file from what was heard: control, reward and text around streams and action.

What a person must check stands behind CHECK in a comment above its key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from world_model_ros.bringup.draft_action import command_topics
from world_model_ros.bringup.draft_groups import draft_commands, write_commands
from world_model_ros.bringup.draft_streams import (
    StreamDraft,
    draft_streams,
    nice_rate,
    relative,
)
from world_model_ros.bringup.draft_text import CHECK, DraftText
from world_model_ros.bringup.observed import CLOCK, Observed, stream_kinds
from world_model_ros.contract import ContractError, Problem, contract_warnings, parse_contract
from world_model_ros.wire.cdr import JOINT_STATE, MessageError, joint_names

DEFAULT_HZ, MAX_HZ = 20.0, 30.0  # decisions
REWARD_NAMES = {'reward', 'terminal'}
# Topics of this package's own nodes, as recordings hold them too.
_OURS = re.compile(r'(^|/)(agent|guard|recorder|updater|sim_robot|imagined_robot)/[^/]+$')


class NothingHeard(ValueError):
    """Nothing came that could be a stream; in one line, with what was there."""


@dataclass(frozen=True)
class ContractDraft:
    """The file, how many places in it a person must look at, and what still is wrong in it."""

    text: str
    doubts: tuple[str, ...]  # dotted keys
    problems: tuple[Problem, ...]
    streams: tuple[str, ...]


def draft_contract(
    heard: Sequence[Observed], source: str, name: str = 'my_robot', namespace: str = ''
) -> ContractDraft:
    """Write a first robot file.

    Args:
        heard: every topic of a type that some kind takes, also those without messages.
        source: where it was heard, for the head of the file.
        name: of the robot type.
        namespace: topics in it are written relative to it.

    Raises:
        NothingHeard: no topic has messages that a stream can be made of.
    """
    foreign = [row for row in heard if not _OURS.search(row.topic)]
    rewards = [row for row in foreign if _is_reward(row)]
    commands = command_topics([row for row in foreign if row not in rewards])
    rest = [r for r in foreign if r not in rewards and r not in commands and r.type != CLOCK]
    packed = _packed_twins(rest)
    sources = [row for row in rest if row.count and row not in packed]
    rate_hz = _rate(sources)
    streams = draft_streams(sources, namespace, 1.0 / rate_hz)
    usable = [row for row in streams if not row.unusable]
    if not usable:
        raise NothingHeard(_nothing(foreign, streams))
    drafted = draft_commands(commands, usable, namespace, 2 * rate_hz)
    simulated = any(row.type == CLOCK and row.count for row in heard)
    reward = relative(rewards[0].topic, namespace) if rewards else ''
    writer = DraftText()
    _head(writer, source)
    writer.key('', 'format', 1 if len(drafted.groups) == 1 else 2)
    writer.key('', 'name', name)
    _control(writer, rate_hz, simulated)
    writer.section('streams')
    for row in usable:
        writer.section(row.name, '  ')
        for key, value in row.keys.items():
            writer.key('    ', key, value, row.doubts.get(key, ''), f'streams.{row.name}.{key}')
        for key in row.doubts.keys() - row.keys.keys():
            writer.note('    ', f'{key}: {row.doubts[key]}', f'streams.{row.name}.{key}')
    _unused(writer, streams, packed, rest)
    write_commands(writer, drafted)
    writer.line()
    if reward:
        writer.key('', 'reward', {'topic': reward})
    else:
        writer.key('', 'reward', {}, 'nothing says what is good yet: {topic: reward}', 'reward')
    writer.key(
        '',
        'episode',
        {'reset': 'none', 'segment_ticks': int(30 * rate_hz)},
        'recorded in pieces of 30 s; reset: manual or service where the robot is put back',
        'episode',
    )
    return _checked(writer, name, [row.name for row in usable])


def _checked(writer: DraftText, name: str, streams: list[str]) -> ContractDraft:
    """What contract check says goes into the file too, where no doubt stands for it yet."""
    problems: tuple[Problem, ...] = ()
    said: list[str] = []
    try:
        said = contract_warnings(parse_contract(writer.text(), name))
    except ContractError as error:
        problems = error.problems
        said = [str(row) for row in problems if not _covered(row.key, writer.doubts)]
    if said:
        writer.line()
        writer.comment('', 'What contract check says of this draft:')
    for text in said:
        writer.note('', text, text.split(' ', 1)[0])
    return ContractDraft(writer.text(), tuple(writer.doubts), problems, tuple(streams))


def _covered(key: str, doubts: Sequence[str]) -> bool:
    return any(key == doubt or key.startswith((f'{doubt}.', f'{doubt}[')) for doubt in doubts)


def _head(writer: DraftText, source: str) -> None:
    writer.comment('', f'A first draft, written by world-model contract init from {source}.')
    writer.comment(
        '',
        f'Each {CHECK} is a guess that only you can confirm: correct the line below it, then '
        f'delete the comment. After that: world-model contract check FILE, and world-model '
        'doctor --contract FILE.',
    )


def _control(writer: DraftText, rate_hz: float, simulated: bool) -> None:
    writer.section('control')
    writer.key('  ', 'rate', rate_hz, 'Hz: decisions; as fast as the cameras come', 'control.rate')
    source = 'sim_time' if simulated else 'timer'
    doubt = '/clock comes: time is simulated. On the real robot write timer' if simulated else ''
    writer.key('  ', 'tick', {'source': source}, doubt, 'control.tick')
    writer.key(
        '  ',
        'command_rate',
        2 * rate_hz,
        'Hz: commands; what the driver wants, a whole number of them in one decision',
        'control.command_rate',
    )
    writer.key(
        '  ',
        'command_timeout',
        round(max(0.2, 3.0 / rate_hz), 3),
        's without a plan before the safe action',
        'control.command_timeout',
    )


def _unused(
    writer: DraftText,
    streams: Sequence[StreamDraft],
    packed: Sequence[Observed],
    rest: Sequence[Observed],
) -> None:
    """Topics that a person may have expected to find above."""
    lines = [f'{row.observed.topic}: {row.unusable}' for row in streams if row.unusable]
    lines += [f'{row.topic}: the same pictures come raw' for row in packed]
    lines += [f'{row.topic} ({row.type}): no message came' for row in rest if not row.count]
    if lines:
        writer.comment('  ', 'Not used:')
    for text in lines:
        writer.comment('  ', f'- {text}')


def _rate(sources: Sequence[Observed]) -> float:
    """Decisions per second: the slowest camera's, at most MAX_HZ; without one, the joints'."""
    rates = [row.rate_hz for row in sources if row.rate_hz]
    cameras = [row.rate_hz for row in sources if row.rate_hz and _is_camera(row)]
    found = nice_rate(min(cameras or [DEFAULT_HZ, *rates]))
    while found > MAX_HZ:
        found /= 2
    return max(1.0, found)


def _is_camera(row: Observed) -> bool:
    return any(kind.form == 'picture' for kind in stream_kinds(row.type))


def _is_reward(row: Observed) -> bool:
    if row.type != JOINT_STATE or not row.messages:
        return False
    try:
        return set(joint_names(row.messages[0])) >= REWARD_NAMES
    except MessageError:
        return False


def _packed_twins(rows: Sequence[Observed]) -> list[Observed]:
    """Compressed topics whose pictures come raw as well."""
    raw = {row.topic for row in rows if row.count}
    packed = [row for row in rows if 'Compressed' in row.type]
    return [row for row in packed if row.topic.rsplit('/', 1)[0] in raw]


def _nothing(heard: Sequence[Observed], streams: Sequence[StreamDraft]) -> str:
    if streams:
        return '; '.join(f'{row.observed.topic}: {row.unusable}' for row in streams)
    there = ', '.join(f'{row.topic} ({row.type}, {row.count} messages)' for row in heard)
    return (
        f'no messages that a stream can be made of came ({there or "no topic of a known type"}): '
        'start the driver, check ROS_DOMAIN_ID and the namespace; world-model doctor helps'
    )
