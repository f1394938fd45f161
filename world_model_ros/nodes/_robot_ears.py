# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the messages that a robot publishes anyway to one RobotView: the monitor's and dashboard's.

Pure conversion, no node: whoever owns one subscribes to `topics()` in the way that suits it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._message_class import message_class
from world_model_ros.onboard.tick.tick_record import TickRecord, TickRecordError
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView, Score
from world_model_ros.wire.cdr import MessageError
from world_model_ros.wire.message_json import message_json

Topic = tuple[Any, str, Callable[[Any], None], QoSProfile]


def hear_streams(
    node: Node, contract: Contract, boundary: Boundary, put: Callable[[str, bytes], None]
) -> list[Subscription]:
    """Subscribe to what a robot senses; `put` gets the name of a stream and a message's bytes."""
    return [
        node.create_subscription(
            message_class(stream_kind(stream.kind).type_of(stream)),
            stream.topic,
            boundary.wrap(stream.topic, partial(put, stream.name)),
            _common.SENSOR_QOS,
            raw=True,
        )
        for stream in contract.sensed
    ]


class RobotEars:
    """Fills a RobotView of the robot in one namespace."""

    def __init__(
        self,
        max_ticks: int = 0,
        namespace: str = '',
        on_tick: Callable[[TickRecord], None] = lambda _: None,
    ) -> None:
        """An episode of `max_ticks` (or a terminal one) is whole."""
        self.view = RobotView()
        self._max_ticks = max_ticks or math.inf
        self._from_first = False  # an episode that was joined midway has no return
        self._prefix = '/' + namespace.strip('/') if namespace.strip('/') else ''
        self._tell_tick = on_tick

    def topics(self) -> list[Topic]:
        """Type, topic, callback and QoS of what is to be heard."""
        return [
            (JointState, 'agent/tick', self._on_tick, _common.RELIABLE_QOS),
            (JointState, 'guard/sent', self._on_sent, _common.RELIABLE_QOS),
            (DiagnosticArray, '/diagnostics', self._on_diagnostics, _common.RELIABLE_QOS),
            (String, 'agent/release', self._on_release, _common.LATCHED_QOS),
        ]

    def _on_tick(self, message: JointState) -> None:
        try:
            tick = TickRecord.from_doubles(
                message.name,
                message.position,
                _common.to_ns(message.header.stamp),
                message.header.frame_id,
            )
        except TickRecordError:
            return  # another version's agent; its diagnostics are still shown
        view = self.view
        if tick.first:
            view.episode_return = 0.0
            self._from_first = True
        if math.isfinite(tick.reward):
            view.episode_return += tick.reward
        view.ticks += 1
        view.lateness.append(tick.lateness)
        view.tick = tick
        self._tell_tick(tick)
        if tick.last and self._from_first and (tick.terminal or tick.tick >= self._max_ticks):
            view.returns.append(
                Score(time.time(), view.episode_return, tick.release, not tick.explore)
            )
            self._from_first = False

    def _on_release(self, message: String) -> None:
        release = message_json(message.data)
        candidate, acting = release.get('candidate') or {}, release.get('acting') or {}
        for slot in (candidate, acting):
            if not isinstance(slot, dict) or not isinstance(slot.get('bundle_sha', ''), str):
                raise MessageError(f'a release of the agent cannot be read: {slot!r}')
        self.view.release = release
        if candidate.get('state') == 'ready':
            self.view.ready_s.setdefault(candidate.get('bundle_sha', ''), time.time())
        if acting.get('bundle_sha'):
            self.view.acting_s.setdefault(acting['bundle_sha'], time.time())

    def _on_sent(self, message: JointState) -> None:
        self.view.guard = message.header.frame_id

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            prefix, _, name = status.name.rpartition('/')
            if prefix == self._prefix:
                values = {item.key: item.value for item in status.values}
                self.view.hear(name, NodeStatus(status.level[0], status.message, values))
