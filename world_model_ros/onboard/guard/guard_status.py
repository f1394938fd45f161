# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the guard publishes on ~/status: its JSON (format 1), written here and read here.

States that a program compares are enums, whose values are in the JSON; texts are for people. The
agent reads it; it is the guard's heartbeat, too. Must not import ROS or torch.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from world_model_ros.strict_json import strict_json

STATUS_FORMAT = 1
MAX_STATUS_BYTES = 16_384


class GuardState(Enum):
    """Whether commands go out."""

    INACTIVE = 'inactive'
    ACTIVE = 'active'


class RefusalKind(Enum):
    """Why an activation was refused."""

    NONE = ''
    STOPPED = 'stopped'  # a person must release the stop
    RIVAL = 'rival'  # another node has a publisher on the command topic
    JUST_STARTED = 'just_started'  # other publishers are still being looked for
    JUST_COMMANDED = 'just_commanded'  # the driver still follows a command of before
    NO_CLOCK = 'no_clock'  # simulated time, and none came yet, or it stands still
    NO_POSITION = 'no_position'  # the joints have not been heard of lately
    NO_KEEP_OUT = 'no_keep_out'  # the URDF of workspace and collision cannot be used
    FAULT = 'fault'  # the driver has a fault
    DESCRIPTION = 'description'  # the URDF on robot_description was not heard, or is of no use
    CONTROLLERS = 'controllers'  # of ros2_control cannot be switched on

    @property
    def passing(self) -> bool:
        """Whether it passes by itself within a moment: then activation is tried again."""
        return self in _PASSING


_PASSING = (
    RefusalKind.JUST_STARTED,
    RefusalKind.JUST_COMMANDED,
    RefusalKind.NO_CLOCK,
    RefusalKind.NO_POSITION,
    RefusalKind.FAULT,
    RefusalKind.DESCRIPTION,
)


@dataclass(frozen=True)
class Refusal:
    """Why the guard was not activated."""

    kind: RefusalKind
    text: str


@dataclass(frozen=True)
class GuardStatus:
    """What ~/status carries; texts are empty where there is nothing to say."""

    state: GuardState
    source: str  # of the newest command, '' before the first
    stop_reason: str
    enabled: bool
    refusal: str  # why the last activation was refused
    silenced: str  # why the guard left the command topic by itself
    foreign: str  # who else has a publisher, and sends nothing yet
    outside: str  # which joint is outside of its box
    problem: str  # with the latch on disk, or /clock
    refusal_kind: RefusalKind = RefusalKind.NONE
    held_back: str = ''  # by which lock, dead-man or stop zone
    low: tuple[float, ...] = ()  # limits [A] that robot_description narrowed; (): the contract's
    high: tuple[float, ...] = ()

    @property
    def active(self) -> bool:
        """Whether commands go out."""
        return self.state is GuardState.ACTIVE


def status_json(status: GuardStatus, instance: str) -> str:
    """The message; `instance` names the process of the guard."""
    said: dict[str, Any] = {'format': STATUS_FORMAT, 'instance': instance, **asdict(status)}
    for name, value in said.items():
        if isinstance(value, Enum):
            said[name] = value.value
    return json.dumps(said)


def read_status(text: str) -> tuple[GuardStatus, str]:
    """The status in a message, and the process of the guard that sent it.

    Raises:
        ValueError: it is something else; in one line.
    """
    said: Any = strict_json(text, MAX_STATUS_BYTES)
    if not isinstance(said, dict) or said.get('format') != STATUS_FORMAT:
        raise ValueError(f'expected format {STATUS_FORMAT}; is it the guard of another version?')
    for name in ('refusal_kind', 'held_back'):  # a guard of before they were published
        said.setdefault(name, '')
    values: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        value = said.get(name)
        if not isinstance(value, bool if kind is bool else str):
            raise ValueError(f'{name} is {value!r}')
        try:
            values[name] = kind(value)
        except ValueError:
            raise ValueError(f'{name} is {value!r}') from None
    low, high = (_numbers(name, said.get(name, [])) for name in ('low', 'high'))
    if len(low) != len(high) or not all(a < b for a, b in zip(low, high, strict=False)):
        raise ValueError(f'low is {low} and high is {high}: expected lower numbers in low')
    return GuardStatus(**values, low=low, high=high), str(said.get('instance'))


def _numbers(name: str, value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or not all(type(x) in (int, float) for x in value):
        raise ValueError(f'{name} is {str(value)[:60]!r}, expected numbers')
    return tuple(float(x) for x in value)


_KINDS: dict[str, Any] = {
    'state': GuardState,
    'source': str,
    'stop_reason': str,
    'enabled': bool,
    'refusal': str,
    'silenced': str,
    'foreign': str,
    'outside': str,
    'problem': str,
    'refusal_kind': RefusalKind,
    'held_back': str,
}
