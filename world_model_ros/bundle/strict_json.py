# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""JSON that came from outside: one meaning only, or refused.

Python's reader takes NaN, numbers beyond float64 and doubled keys, of which the last wins; another
reader would take the first.
"""

import json
import math
from typing import Any


def strict_json(raw: bytes) -> Any:
    """Parse UTF-8 JSON.

    Raises:
        ValueError: it is no JSON, holds NaN or an infinite number, or a key twice in one object.
        RecursionError: it is nested deeper than Python reads.
    """
    return json.loads(
        raw, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_doubles
    )


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
