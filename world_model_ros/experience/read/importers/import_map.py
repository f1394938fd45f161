# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The file of `episodes import --map`: what a recording calls the streams of a contract.

Owns its keys and its checks. Without the file, topics and features are found by the contract's
names. Must not import ROS or torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from world_model_ros.contract import Contract
from world_model_ros.experience.read.importers.arrived import ImportRefused

MAP_BYTES = 1 << 16
MAP_BRACKETS = 1_000  # PyYAML takes seconds for thousands
MEASURED = 'measured'  # instead of a topic or feature of the action
DIFFERENCE = 'difference'  # instead of a feature of velocities
FIELDS = ('position', 'velocity', 'effort')
_TOP = ('streams', 'action', 'actions', 'reward')
_NUMBERS = ('names', 'scale', 'offset')


@dataclass(frozen=True)
class Place:
    """Where the numbers of a stream or of the action are in a recording."""

    source: str = ''  # topic or feature; '' for the one of the contract's name
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    names: tuple[str | int, ...] = ()  # of the feature's numbers, in the contract's order
    scale: tuple[float, ...] = ()  # SI = scale * number + offset; one, or one per joint
    offset: tuple[float, ...] = ()

    @property
    def converts(self) -> bool:
        """Whether more than a topic or feature is named."""
        return bool(self.fields or self.names or self.scale or self.offset)


@dataclass(frozen=True)
class ImportMap:
    """What the recording calls what the contract names."""

    streams: Mapping[str, Place] = field(default_factory=lambda: MappingProxyType({}))
    action: Place = field(default_factory=Place)
    groups: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # -> topic
    reward: str = ''
    where: str = '--map'

    def stream(self, name: str) -> Place:
        """Where a stream is."""
        return self.streams.get(name, Place())

    @property
    def measured(self) -> bool:
        """Whether actions are taken from what was measured, commands or not."""
        return self.action.source == MEASURED


def load_map(path: Path | str, contract: Contract) -> ImportMap:
    """Read and check a map file.

    Raises:
        ImportRefused: with the key that is wrong.
        OSError: it cannot be read.
    """
    path = Path(path)
    with path.open('rb') as file:
        content = file.read(MAP_BYTES + 1)
    if len(content) > MAP_BYTES or content.count(b'[') + content.count(b'{') > MAP_BRACKETS:
        raise ImportRefused(f'{path}: expected a map of at most {MAP_BYTES} bytes of plain YAML')
    try:
        found = yaml.safe_load(content.decode())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise ImportRefused(f'{path}: expected YAML, got none: {reason}') from error
    return parse_map(found or {}, contract, str(path))


def parse_map(found: Any, contract: Contract, where: str = '--map') -> ImportMap:
    """Check what a map file holds.

    Raises:
        ImportRefused: with the key that is wrong.
    """
    top = _table(found, where, _TOP)
    known = [stream.name for stream in contract.sensed]
    streams = {}
    for name, value in _table(top.get('streams', {}), f'{where}: streams', known).items():
        stream = contract.stream(name)
        count = len(stream.names) or math.prod(stream.shape)
        streams[name] = _place(value, f'{where}: streams.{name}', count)
    action = _place(top.get('action', ''), f'{where}: action', contract.action_dim)
    known = [group.name for group in contract.groups if group.name]
    groups = _table(top.get('actions', {}), f'{where}: actions', known)
    for name, topic in groups.items():
        if not isinstance(topic, str) or not topic:
            raise ImportRefused(f'{where}: actions.{name}: expected a topic, got {topic!r:.80}')
    reward = top.get('reward', '')
    if not isinstance(reward, str):
        raise ImportRefused(f'{where}: reward: expected a topic or feature, got {reward!r:.80}')
    return ImportMap(streams, action, groups, reward, where)


def _table(value: Any, where: str, known: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ImportRefused(f'{where}: expected a table, got {value!r:.80}')
    for key in value:
        if key not in known:
            raise ImportRefused(
                f'{where}: no key {key[:80]!r}; there may be {", ".join(known) or "none"}: '
                'correct or remove it'
            )
    return value


def _place(value: Any, where: str, count: int) -> Place:
    if isinstance(value, str):
        return Place(value)
    table = _table(value, where, ('from', *FIELDS, *_NUMBERS))
    for key in ('from', *FIELDS):
        if key in table and not (isinstance(table[key], str) and table[key]):
            raise ImportRefused(f'{where}.{key}: expected a feature, got {table[key]!r:.80}')
    names = table.get('names', [])
    if not isinstance(names, list) or not all(
        isinstance(name, (str, int)) and not isinstance(name, bool) for name in names
    ):
        raise ImportRefused(f'{where}.names: expected a list of names or numbers of columns')
    if names and len(names) != count:
        raise ImportRefused(
            f'{where}.names: expected {count}, one for each number of the contract in its order, '
            f'got {len(names)}'
        )
    return Place(
        table.get('from', ''),
        {key: table[key] for key in FIELDS if key in table},
        tuple(names),
        _numbers(table.get('scale', []), f'{where}.scale', count),
        _numbers(table.get('offset', []), f'{where}.offset', count),
    )


def _numbers(value: Any, where: str, count: int) -> tuple[float, ...]:
    given = value if isinstance(value, list) else [value]
    sound = all(
        isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
        for number in given
    )
    if not sound or len(given) not in (0, 1, count):
        raise ImportRefused(f'{where}: expected a number or {count} of them, got {value!r:.80}')
    return tuple(float(number) for number in given)
