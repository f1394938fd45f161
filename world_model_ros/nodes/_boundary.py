# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rim of a node: no message ends it. What a callback cannot digest is named and counted.

Owns the one broad catch around callbacks of topics. Any process on the robot may publish
anything; a message that raises is settled: refused, counted by its topic, reported in diagnostics,
and the next one is handled. Services and timers are the node's own code; where the node must
outlive their faults too, it wraps them in ends_nothing().
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from world_model_ros.nodes import _common

SHOW_SEC = 10.0  # a refused message is the node's state for so long, then a count
MAX_TEXT = 300


class Watch(Protocol):
    """Looks at something else of a node's topics."""

    @property
    def problem(self) -> str:
        """What is wrong now, ''."""


class Boundary:
    """Counts refused messages by topic; one a node, used by the executor's thread."""

    def __init__(self, node: Any) -> None:
        """Report to the node's log, throttled; `node` needs get_logger() only."""
        self.refused: dict[str, int] = {}
        self.watch: Watch | None = None  # shown where no message was refused
        self._node = node
        self._newest: tuple[str, float] = ('', 0.0)

    def wrap(self, topic: str, callback: Callable[[Any], object]) -> Callable[[Any], None]:
        """`callback` for create_subscription; whatever it raises ends nothing.

        ValueError and its kind are a message's fault and are logged in one line; anything else may
        be ours and is logged with its traceback.
        """

        # One argument: rclpy would give a second one to whatever takes it.
        def receive(message: Any) -> None:
            try:
                callback(message)
            except Exception as error:  # noqa: BLE001 - named, counted, and the next one is handled
                self.refuse(topic, error)

        return receive

    def refuse(self, topic: str, reason: Exception | str) -> None:
        """Note that a message of a topic was refused."""
        self.refused[topic] = self.refused.get(topic, 0) + 1
        expected = isinstance(reason, (str, ValueError, KeyError, IndexError, TypeError))
        text = reason if isinstance(reason, str) else _words(reason)
        if isinstance(reason, Exception) and not expected:
            text = f'{text}\n{"".join(traceback.format_exception(reason)[-4:])}'
        line = f'{topic}: a message was refused: {text[:MAX_TEXT]}'
        self._newest = (line, time.monotonic())
        logged = line if expected else f'{line}{text[MAX_TEXT:]}'
        self._node.get_logger().warning(logged, throttle_duration_sec=1.0)

    @property
    def problem(self) -> str:
        """The newest refusal until it is older than SHOW_SEC, else what the watch has seen."""
        line, at_s = self._newest
        if line and time.monotonic() - at_s < SHOW_SEC:
            return line
        return self.watch.problem if self.watch is not None else ''

    def values(self) -> dict[str, object]:
        """For diagnostics: `refused.TOPIC` with its count."""
        return {f'refused.{topic}': count for topic, count in sorted(self.refused.items())}

    def level(self, level: bytes, text: str) -> tuple[bytes, str]:
        """A node's level and words, raised to WARN with the newest refusal if it was OK."""
        problem = self.problem
        return (_common.WARN, problem) if problem and level == _common.OK else (level, text)


def ends_nothing(node: Any, callback: Callable[[], object]) -> Callable[[], None]:
    """`callback` without arguments for create_timer; what it raises is logged and ends nothing."""

    def call() -> None:
        try:
            callback()
        except Exception:  # noqa: BLE001 - rclpy would end the node, and leave the robot to itself
            node.get_logger().error(
                f'a fault of this node: {traceback.format_exc()}', throttle_duration_sec=1.0
            )

    return call


def _words(error: Exception) -> str:
    text = ascii(str(error))[1:-1]  # a lone surrogate could not be logged
    return text if isinstance(error, ValueError) and text else f'{type(error).__name__} {text}'
