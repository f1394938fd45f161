# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a driver's answer to `reset` says: from when on messages count, and what to do next.

The answer is the text of a std_srvs/Trigger. It may be JSON; any other text is for people, and the
reset counts from the time of the answer. Holds no ROS entity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from world_model_ros.wire.cdr import MessageError
from world_model_ros.wire.message_json import message_json


@dataclass(frozen=True)
class ResetAnswer:
    """The robot stands at a new start."""

    stamp_ns: int  # messages that are stamped later show it
    task: dict[str, float] | None = None  # of the new episode, by name; None: the driver has none


def read_reset_answer(text: str, now_ns: int) -> ResetAnswer:
    """Read the text of an answer that came at `now_ns` of the robot's clock.

    Raises:
        ValueError: it names a task that is no table of numbers. The robot does something then that
            its agent would not know of.
    """
    try:
        answer = message_json(text)
    except MessageError:
        return ResetAnswer(now_ns)
    try:
        stamp_ns = int(answer['stamp_ns'])
    except (ValueError, KeyError, TypeError):
        stamp_ns = now_ns
    return ResetAnswer(stamp_ns, _task(answer.get('task')))


def _task(given: Any) -> dict[str, float] | None:
    if given is None:
        return None
    if isinstance(given, dict) and all(type(number) in (int, float) for number in given.values()):
        return {name: float(number) for name, number in given.items()}
    raise ValueError(
        f'task is {str(given)[:80]!r}: expected a number by name, as in {{"goal": 1}}'
    )
