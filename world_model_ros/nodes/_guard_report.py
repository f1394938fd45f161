# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the guard says of itself: ~/status for the agent, diagnostics for people.

Owns when they are published (~/status is also the guard's heartbeat), and the words and levels of
the diagnostics. Decides nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from rclpy.node import Node
from std_msgs.msg import String

from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary, ends_nothing
from world_model_ros.onboard.guard.guard_status import GuardStatus, status_json

DIAGNOSTICS_PERIOD_SEC = 1.0
# The agent misses the guard after command_timeout: a few heartbeats must fit into it.
STATUS_SHARE = 0.25
STATUS_PERIOD_SEC = (0.02, 0.25)  # at least, at most
AGENT_SILENT_SEC = 2.0
TWIN_SILENT_SEC = 1.0  # four heartbeats at the slowest

_LEVELS = {
    'chunk': _common.OK,
    'chunk_rest': _common.OK,
    'teleop': _common.OK,
    'home': _common.OK,
    'disabled': _common.OK,
    'outside': _common.ERROR,
    'stopped': _common.ERROR,
}


class GuardReport:
    """Publishes both, at their own periods."""

    def __init__(
        self,
        node: Node,
        command_timeout_s: float,
        robot_id: str,
        status: Callable[[], GuardStatus],
        values: Callable[[], dict[str, object]],
    ) -> None:
        self._status, self._values = status, values
        self._instance = uuid.uuid4().hex  # another one after a restart
        self._agent, self._agent_s = '', 0.0
        self._publisher = node.create_publisher(String, '~/status', _common.LATCHED_QOS)
        self._twin_s = -float('inf')  # when another guard of this name was heard
        # Volatile: what a guard said last before it was killed is no sign of life.
        on_status = Boundary(node).wrap('~/status', self._on_status)
        node.create_subscription(String, '~/status', on_status, _common.RELIABLE_QOS)
        self._diagnostics = _common.Diagnostics(node, robot_id)
        least, most = STATUS_PERIOD_SEC
        period_s = min(max(STATUS_SHARE * command_timeout_s, least), most)
        for seconds, callback in (
            (period_s, lambda: self.publish_status()),
            (DIAGNOSTICS_PERIOD_SEC, self._publish_diagnostics),
        ):
            node.create_timer(seconds, ends_nothing(node, callback), clock=_common.STEADY_CLOCK)

    def agent_alive(self, state: str) -> None:
        """The agent has said that it lives, and whether it acts."""
        self._agent, self._agent_s = state, time.monotonic()

    def twin_alive(self) -> bool:
        """Whether another guard of this name speaks."""
        return time.monotonic() - self._twin_s < TWIN_SILENT_SEC

    def _on_status(self, message: String) -> None:
        if self._instance not in message.data:
            self._twin_s = time.monotonic()

    def publish_status(self) -> None:
        """Publish the status; also at once when something changes."""
        self._publisher.publish(String(data=status_json(self._status(), self._instance)))

    def _publish_diagnostics(self) -> None:
        status = self._status()
        heard = time.monotonic() - self._agent_s < AGENT_SILENT_SEC
        level, text = _words(status)
        values = {
            'state': status.state.value,
            'agent': self._agent if heard else 'not heard',
            **self._values(),
        }
        self._diagnostics.publish(level, text, values)


def _words(status: GuardStatus) -> tuple[bytes, str]:
    """Level and text of the diagnostics, the most urgent first."""
    if status.stop_reason:
        return _common.ERROR, f'stopped: {status.stop_reason}'
    if status.silenced:
        return _common.ERROR, status.silenced
    if status.foreign:
        return _common.ERROR, status.foreign
    if status.outside:
        return _common.ERROR, f'outside: {status.outside}'
    if status.held_back:
        return _common.WARN, status.held_back
    if status.problem:
        return _common.WARN, status.problem
    if not status.active:
        if status.refusal:
            return _common.WARN, f'inactive: not activated: {status.refusal}'
        return _common.OK, 'inactive: nothing is sent' + ('' if status.enabled else ' (disabled)')
    return _LEVELS.get(status.source, _common.WARN), status.source or 'active'
