# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a viewer may ask for, read from what it sent: anything else is dropped and counted.

A request is a JSON object of at most MAX_REQUEST bytes with one of these keys:
`token` (text), `do` (a hand's name), `drive` (numbers from -1 to 1, one per joint), `show` (a
tick of an episode). Must not import ROS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from world_model_ros.strict_json import strict_json

MAX_REQUEST = 2048  # bytes
MAX_JOINTS = 64
_KEYS: tuple[Kind, ...] = ('token', 'do', 'drive', 'show')
Kind = Literal['token', 'do', 'drive', 'show']


@dataclass(frozen=True)
class Request:
    """One request; `number` comes back with the answer."""

    kind: Kind
    value: Any
    number: int = 0


def read_request(text: str | bytes | None) -> Request:
    """A request.

    Raises:
        ValueError: it is none; what was expected, in one line.
    """
    if not isinstance(text, str):
        raise ValueError('expected a text message, got a binary one')
    if len(text) > MAX_REQUEST:
        raise ValueError(f'expected at most {MAX_REQUEST} characters, got {len(text)}')
    found: Any = strict_json(text, MAX_REQUEST)
    if not isinstance(found, dict):
        raise ValueError('expected a JSON object')
    kinds = [key for key in _KEYS if key in found]
    if len(kinds) != 1:
        raise ValueError(f'expected one of {", ".join(_KEYS)}')
    kind, number = kinds[0], found.get('number', 0)
    value = found[kind]
    if not _whole(number) or not _fits(kind, value):
        raise ValueError(f'{kind} does not fit')
    return Request(kind, value, number)


def _fits(kind: Kind, value: Any) -> bool:
    if kind in ('token', 'do'):
        return isinstance(value, str)
    if kind == 'show':
        return _whole(value)
    if not isinstance(value, list) or len(value) > MAX_JOINTS:
        return False
    return all(
        isinstance(item, (int, float))
        and not isinstance(item, bool)
        and math.isfinite(item)
        and abs(item) <= 1.0
        for item in value
    )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31
