# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON inside of ROS messages: bounded and strict, or refused as no message of ours.

Owns the limits on what any process on the robot may send in a String, on top of strict_json:
whole numbers that fit, texts that can name a file. Must not import ROS or torch.
"""

from __future__ import annotations

from typing import Any

from world_model_ros.strict_json import strict_json
from world_model_ros.wire.cdr import MessageError

# The largest of ours is an announcement with a contract's text, some 10 kB; a robot of many
# streams has 100 kB.
MAX_JSON_BYTES = 512 << 10
MAX_JSON_DEPTH = 16  # ours have 5
_MAX_INT = 1 << 63


def message_json(text: str, what: str = 'the message') -> dict[str, Any]:
    """The JSON object in a message's text.

    Every text in it can be written as UTF-8 and holds no NUL; every number is finite, whole ones
    fit into 64 bits.

    Raises:
        MessageError: it is anything else; the words say what.
    """
    try:
        content = strict_json(text, MAX_JSON_BYTES, MAX_JSON_DEPTH)
        _check(content)
    except ValueError as error:
        words = ascii(str(error))[1:-1][:200]  # a lone surrogate could not be shown
        raise MessageError(f'{what} cannot be read: {words}') from None
    if not isinstance(content, dict):
        raise MessageError(f'{what} cannot be read: expected a JSON object')
    return content


def _check(value: Any) -> None:
    if isinstance(value, str):
        if '\0' in value:
            raise ValueError('a text holds NUL')
    elif isinstance(value, int):
        if abs(value) >= _MAX_INT:
            raise ValueError('a whole number needs more than 64 bits')
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key)
            _check(inner)
    elif isinstance(value, list):
        for inner in value:
            _check(inner)
