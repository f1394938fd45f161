# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the recorder reads of the messages of our nodes: tick records, announcements, marks.

Input: serialised messages from topics that anybody may publish on. Output: checked values, or one
MessageError. Must not import ROS or torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from world_model_ros.contract.names import check_name, check_robot_id
from world_model_ros.experience.bag import UNNAMED
from world_model_ros.experience.record.sink import OUR_SUFFIXES
from world_model_ros.onboard.tick.tick_record import TickRecordError, whole_number
from world_model_ros.wire.cdr import JOINT_STATE, MessageError, decode
from world_model_ros.wire.message_json import message_json

STRING = 'std_msgs/msg/String'
MARK_CHARACTERS = 1000  # of an imagined robot's mark: names, no more
# Of a tick record: numbers that readers count with. What they cannot is no tick record.
_COUNTS = ('skipped', 'obs_crc', 'release', 'iterations', 'source', 'noise_key_hi', 'noise_key_lo')


class Announced(NamedTuple):
    """What an agent said of the episode that it begins."""

    uuid: str
    content: Mapping[str, Any]
    text: str


class TickHead(NamedTuple):
    """What the recorder reads of a tick record."""

    uuid: str
    tick: int
    last: bool
    reward: float


def tick_head(cdr: bytes) -> TickHead:
    """The episode, number and flags of a tick record.

    Raises:
        MessageError: no tick record, or one with numbers that nobody could count with.
    """
    message = decode(JOINT_STATE, cdr)
    values = dict(zip(message.name, message.position.tolist(), strict=False))
    try:
        for name in _COUNTS:
            if name in values:
                whole_number(name, values[name])
        reward = float(values['reward'])
        if math.isinf(reward):
            raise MessageError('a tick record with an infinite reward')
        if values['last'] not in (0.0, 1.0):
            raise MessageError(f'a tick record whose flag last is {values["last"]}')
        return TickHead(
            message.header.frame_id.split('/')[0],
            whole_number('tick', values['tick']),
            bool(values['last']),
            reward,
        )
    except KeyError as error:
        raise MessageError(f'a tick record without {error}') from error
    except TickRecordError as error:
        raise MessageError(f'a tick record: {error}') from error


def announced_episode(cdr: bytes) -> Announced:
    """What an agent's message announces.

    Raises:
        MessageError: it is damaged, or names an episode or a robot that no file could be named
            after.
    """
    text = decode(STRING, cdr).data
    content = message_json(text, 'the announcement of an episode')
    try:
        uuid = check_name(content.get('uuid'), 'uuid')
        if uuid.startswith('.') or uuid.endswith(OUR_SUFFIXES):
            raise ValueError(f'uuid {uuid!r} is a name that the recorder uses itself')
        if content.get('robot_id'):
            check_robot_id(content['robot_id'], 'robot_id')
        for name in ('contract', 'interface_hash', 'contract_hash'):
            if not isinstance(content.get(name, ''), str):
                raise ValueError(f'{name} is no text')
    except ValueError as error:
        raise MessageError(f'the announcement of an episode cannot be used: {error}') from error
    return Announced(uuid, content, text)


def imagined_mark(cdr: bytes) -> str:
    """What an imagined robot says that it began from, as JSON; never empty: it is one."""
    try:
        content = message_json(decode(STRING, cdr).data, 'the state of an imagined robot')
        origin = content['imagined']
        if not isinstance(origin, dict) or not origin:
            return UNNAMED
        mark = json.dumps(origin, sort_keys=True)
        return mark if len(mark) <= MARK_CHARACTERS else UNNAMED
    except (MessageError, LookupError, ValueError):
        return UNNAMED
