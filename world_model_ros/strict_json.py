# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON that came from outside: bounded, one meaning only, or refused.

Python's reader takes NaN, numbers beyond float64, lone surrogates, any depth up to a crash, and
doubled keys, of which the last wins; another reader would take the first. Plain Python: imports
neither rclpy nor torch.
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_BYTES = 1 << 20
MAX_DEPTH = 32  # our own records have at most five levels


def strict_json(raw: bytes | str, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Parse UTF-8 JSON.

    Raises:
        ValueError: it is no JSON, has too many bytes or levels, holds NaN, an infinite number or
            half a character, or a key twice in one object.
    """
    if len(raw) > max_bytes:
        raise ValueError(f'{len(raw)} bytes, at most {max_bytes}')
    try:
        value = json.loads(
            raw, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_doubles
        )
    except RecursionError:
        raise ValueError('nested too deep') from None
    _check(value, max_depth)
    return value


def _check(value: Any, max_depth: int) -> None:
    """Levels and characters, without recursion."""
    level = [value]
    for _ in range(max_depth + 1):
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += each.keys()
                below += each.values()
            elif isinstance(each, list):
                below += each
            elif isinstance(each, str):
                each.encode()  # UnicodeEncodeError is a ValueError
        if not below:
            return
        level = below
    raise ValueError(f'more than {max_depth} levels')


def _refuse(constant: str) -> Any:
    raise ValueError(f'{constant} is not a JSON number')


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f'{digits[:20]} is too large')
    return number


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError('a key is written twice in one object')
    return result
