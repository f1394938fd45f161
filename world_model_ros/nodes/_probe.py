# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Listens to topics for some seconds, as the agent would, and counts what comes and what is lost.

Owns a ROS context of its own. Decodes nothing but stamps.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import rclpy
from rclpy.context import Context
from rclpy.event_handler import QoSMessageLostInfo, SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._message_class import message_class
from world_model_ros.nodes._publishers import publishers_text
from world_model_ros.telemetry.live_topics import Measured, Wanted
from world_model_ros.wire.cdr import IMAGE, has_header

DISCOVERY_SEC = 5.0  # on a busy machine more than 3


class _Listener:
    """Counts on one topic."""

    def __init__(self, node: Node, topic: str, kind: str) -> None:
        self.measured = Measured(topic, kind)
        self._stamped = has_header(kind)
        self._first_s = 0.0
        self._lost_before: int | None = None
        node.create_subscription(
            message_class(kind),
            topic,
            Boundary(node).wrap(topic, self._receive),
            _common.SENSOR_QOS,
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(message_lost=self._lost),
        )

    def _receive(self, cdr: bytes) -> None:
        now_s, measured = time.monotonic(), self.measured
        self._first_s = self._first_s or now_s
        measured.messages += 1
        measured.newest.append(cdr)
        measured.seconds = now_s - self._first_s
        measured.largest_bytes = max(measured.largest_bytes, len(cdr))
        if self._stamped:
            measured.offsets.append((time.time_ns() - _common.cdr_stamp_ns(cdr)) * 1e-9)

    def _lost(self, event: QoSMessageLostInfo) -> None:
        if self.measured.messages:  # what was lost before the first is discovery
            self.measured.lost += event.total_count_change


def measure(
    wanted: Sequence[Wanted], seconds: float, namespace: str = '', domain: int | None = None
) -> list[Measured]:
    """Listen to all topics at once; one result for each, in their order.

    `domain` is the DDS domain, None for that of the environment.
    """
    context = Context()
    rclpy.init(context=context, domain_id=domain, signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('doctor', context=context, namespace=namespace or None)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        return _measure(node, executor, wanted, seconds)
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _measure(
    node: Node, executor: SingleThreadedExecutor, wanted: Sequence[Wanted], seconds: float
) -> list[Measured]:
    listeners: dict[int, _Listener] = {}
    give_up_s = time.monotonic() + DISCOVERY_SEC
    while len(listeners) < len(wanted) and time.monotonic() < give_up_s:
        for i, item in enumerate(wanted):
            topic = node.resolve_topic_name(item.topic)
            types = {info.topic_type for info in node.get_publishers_info_by_topic(topic)}
            kind = item.type or next(iter(sorted(types)), '')
            if i not in listeners and kind in types:
                listeners[i] = _Listener(node, topic, kind)
        executor.spin_once(timeout_sec=0.05)
    end_s = time.monotonic() + (seconds if listeners else 0.0)
    while time.monotonic() < end_s:
        executor.spin_once(timeout_sec=max(0.0, min(0.05, end_s - time.monotonic())))
    simulated = node.count_publishers('/clock') > 0
    return [_result(node, item, listeners.get(i), simulated) for i, item in enumerate(wanted)]


def _result(node: Node, item: Wanted, listener: _Listener | None, simulated: bool) -> Measured:
    topic = node.resolve_topic_name(item.topic)
    measured = listener.measured if listener else Measured(topic, item.type)
    if not measured.messages:
        measured.absence = publishers_text(node, topic, item.type or measured.type or IMAGE)
    elif measured.offsets and not simulated:
        measured.offset_s = statistics.median(measured.offsets)
    return measured
