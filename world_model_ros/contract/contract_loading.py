# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""From the YAML of a robot file to a `Contract`, or to one error that lists every fault.

The only maker of `Contract` objects from text. Strict: a key that is unknown, doubled, missing
or of the wrong type is a fault; nothing is guessed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from world_model_ros.contract.action import read_action
from world_model_ros.contract.contract_lookup import find_robot
from world_model_ros.contract.control import peek_period, read_control
from world_model_ros.contract.driver_section import read_driver
from world_model_ros.contract.groups import read_groups
from world_model_ros.contract.guard_section import read_guard
from world_model_ros.contract.kinds import command_kind, stream_kind
from world_model_ros.contract.problems import (
    MISSING,
    ContractError,
    Problem,
    Problems,
    Section,
)
from world_model_ros.contract.rules import read_topic
from world_model_ros.contract.schema import (
    CONTRACT_FORMAT,
    CONTRACT_FORMATS,
    Action,
    Contract,
    Driver,
    Episode,
    Reward,
    Stream,
)
from world_model_ros.contract.streams import read_streams
from world_model_ros.contract.task_section import read_task

MAX_TEXT_BYTES = 256 * 1024  # a robot file is a page; anything far larger is not one
TOP_KEYS = ('format', 'name', 'control', 'streams', 'reward', 'episode', 'body', 'guard')
# Of each format; format 2 came with several command groups.
OWN_KEYS = {1: ('action',), 2: ('actions', 'task', 'driver')}


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which also refuses a key that is written twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key_node, _ in getattr(node, 'value', []):
            key = (key_node.tag, str(key_node.value))
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f'the key {key_node.value!r} is written twice',
                    key_node.start_mark,
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_contract(name_or_path: str | Path) -> Contract:
    """Read a robot file, by shipped name (`reacher`) or by path.

    Raises:
        ContractError: the file is absent, unreadable or faulty.
    """
    path = find_robot(name_or_path)
    try:
        raw = path.read_bytes()[: MAX_TEXT_BYTES + 1]
        text = raw.decode('utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(
            str(path),
            [
                Problem(
                    'file',
                    f'unreadable ({error})',
                    'UTF-8 text',
                    'check the file and its rights',
                )
            ],
        ) from error
    return parse_contract(text, str(path))


def parse_contract(text: str, file: str = '<contract>', keep_missing: bool = False) -> Contract:
    """Build a contract from YAML text; `file` is named in errors.

    With `keep_missing` a kind whose plug-in is missing is no fault: for old recordings, which can
    be looked at without it. The kind's stand-in refuses to decode and to command.

    Raises:
        ContractError: with every fault of the text.
    """
    problems = Problems()
    data = _parse_yaml(text, file)
    version = data.get('format', MISSING) if isinstance(data, dict) else CONTRACT_FORMAT
    if isinstance(data, dict) and (type(version) is not int or version not in CONTRACT_FORMATS):
        # Another format has other keys: judging them by this one would only mislead.
        problems.add(
            'format',
            version,
            ' or '.join(str(known) for known in CONTRACT_FORMATS),
            (
                'this software is older than the file: update it'
                if isinstance(version, int) and version > CONTRACT_FORMAT
                else f'write format: {1 if "action" in data else CONTRACT_FORMAT}'
            ),
        )
        raise ContractError(file, problems.found)
    if isinstance(data, dict):
        data = _without_other_formats_keys(data, problems)
    top = Section(data, '', problems, (*TOP_KEYS, *OWN_KEYS.get(version, ())))
    name = top.text('name')
    if problems.clean('name') and not _is_name(name):
        top.note(
            'name',
            name,
            'letters, digits, _ or -, beginning with a letter',
            'rename the robot type',
        )
    streams = read_streams(top, problems, peek_period(top), keep_missing, version)
    control = read_control(top, problems, streams)
    command_hz = control['command_rate_hz'] if problems.clean('control.command_rate') else 0.0
    if version > 1:
        streams += read_task(top, problems, [stream.name for stream in streams])
    if version == 1:
        action = read_action(top, problems, keep_missing, command_hz)
        groups = [] if action is None else [action]
    else:
        groups = read_groups(top, problems, control['command_rate_hz'], keep_missing)
    reward = _read_reward(top, problems)
    episode = _read_episode(top, problems)
    body = _read_body(top)
    driver = read_driver(top, problems) if version > 1 else Driver()
    guard = read_guard(top, problems, groups)
    _check_hold(groups, streams, problems)
    _check_slow(groups, control['on_surprise'], problems)
    if problems.found or not groups:
        raise ContractError(file, problems.found)
    return Contract(
        format=version,
        name=name,
        streams=tuple(streams),
        groups=tuple(groups),
        reward=reward,
        episode=episode,
        text=text,
        body=body,
        driver=driver,
        guard=guard,
        **control,
    )


def _parse_yaml(text: str, file: str) -> Any:
    if len(text.encode('utf-8', 'surrogatepass')) > MAX_TEXT_BYTES:
        raise ContractError(
            file,
            [Problem('file', 'too large', f'at most {MAX_TEXT_BYTES} bytes', 'give a robot file')],
        )
    try:
        # A SafeLoader that refuses doubled keys.
        return _StrictLoader(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = ' '.join(str(error).split())[:300]
        raise ContractError(
            file,
            [
                Problem(
                    'file',
                    f'not readable as YAML ({reason})',
                    'plain YAML',
                    'correct the line that is named',
                )
            ],
        ) from error


def _without_other_formats_keys(data: dict[Any, Any], problems: Problems) -> dict[Any, Any]:
    """Note the command groups of another format, which would only be called unknown keys."""
    version = data['format']
    wrong = 'actions' if version == 1 else 'action'
    if wrong not in data:
        return data
    expected, remedy = (
        ('one group under the key action', 'put its keys under action, or write format: 2')
        if version == 1
        else (
            'named groups under the key actions',
            'write actions: {arm: {…}}, and the limits of each under limits; or format: 1',
        )
    )
    problems.add(wrong, data[wrong], expected, remedy)
    return {key: value for key, value in data.items() if key != wrong}


def _check_hold(groups: Sequence[Action], streams: Sequence[Stream], problems: Problems) -> None:
    """A guard can only hold joints whose positions it hears."""
    if not problems.clean('streams', 'action', 'actions'):
        return
    heard = {name for s in streams if stream_kind(s.kind).joints for name in s.names}
    for group in groups:
        if not command_kind(group.kind).holds(group):
            continue
        silent = [name for name in group.names if name not in heard]
        if silent:
            problems.add(
                f'actions.{group.name}.safe' if group.name else 'action.safe',
                group.safe,
                f'{", ".join(silent)} in a joints stream, to know where to hold them',
                'add the joints that are missing to the names of a joints stream',
            )


def _check_slow(groups: Sequence[Action], on_surprise: str, problems: Problems) -> None:
    """Half of an effort is not half of a speed: the robot would sink."""
    if on_surprise != 'slow' or not problems.clean('action', 'actions'):
        return
    kinds = dict.fromkeys(g.kind for g in groups if command_kind(g.kind).may_fall)
    if kinds:
        problems.add(
            'control.on_surprise',
            on_surprise,
            f'none, hold or hand_over where the action is {" and ".join(kinds)}',
            'write hold: half of such a command is not half of the speed',
        )


def _is_name(name: str) -> bool:
    return name[:1].isalpha() and name.isascii() and all(c.isalnum() or c in '_-' for c in name)


def _read_reward(top: Section, problems: Problems) -> Reward:
    data = top.get('reward', {})
    section = Section(data, 'reward', problems, ('topic', 'sampling', 'function'))
    topic = read_topic(section, '')
    function = section.text('function', '')
    parts = function.replace(':', '.').split('.')
    if function and not (function.count(':') == 1 and all(part.isidentifier() for part in parts)):
        section.note(
            'function',
            function,
            'MODULE:FUNCTION, such as my_package.reward:near_target',
            'name a function that can be imported',
        )
    sampling = section.choice('sampling', ('sum', 'last'), 'sum')
    return Reward(topic=topic, sampling=sampling, function=function)


def _read_body(top: Section) -> str:
    body = top.text('body', '')
    name, colon, argument = body.partition(':')
    plain = argument.isprintable() and not any(c.isspace() for c in argument)
    if body and not (_is_name(name) and plain and bool(argument) == bool(colon)):
        top.note(
            'body',
            body,
            'NAME or NAME:ARGUMENT, such as reacher or gymnasium:Pendulum-v1',
            'name a simulated body, or leave it out',
        )
    return body


def _read_episode(top: Section, problems: Problems) -> Episode:
    known = ('reset', 'max_ticks', 'segment_ticks')
    section = Section(top.get('episode', {'reset': 'manual'}), 'episode', problems, known)
    reset = section.choice('reset', ('service', 'manual', 'none'))
    max_ticks = section.integer('max_ticks', 0)
    segment_ticks = section.integer('segment_ticks', 0)
    if problems.clean('episode') and reset == 'none' and segment_ticks == 0:
        section.note(
            'segment_ticks',
            segment_ticks,
            'at least 1 where reset is none',
            'a robot without resets is recorded in segments: say how long, in ticks',
        )
    return Episode(reset=reset, max_ticks=max_ticks, segment_ticks=segment_ticks)
