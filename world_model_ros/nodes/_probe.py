# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Listens to topics for some seconds, as the agent would, and counts what comes and what is lost.

Owns a ROS context of its own. Decodes nothing but stamps.
"""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import rclpy
from rclpy.context import Context
from rclpy.event_handler import QoSMessageLostInfo, SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock

from world_model_ros.bringup.live_topics import Measured, Wanted
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._message_class import message_class
from world_model_ros.nodes._publishers import publishers_text
from world_model_ros.onboard.tick.heard import joint_list
from world_model_ros.wire.cdr import IMAGE, has_header

DISCOVERY_SEC = 5.0  # on a busy machine more than 3
# A topic that has publishers, all of another type, gets no other ones within this time.
OTHER_TYPE_SEC = 1.5
AtEnd = Callable[[Node, Callable[[float], None]], None]
Tap = Callable[[str, str, int, bytes], None]  # resolved topic, type, time of arrival, message


class _SimulatedTime:
    """The newest time on /clock, for drivers that stamp with it."""

    def __init__(self, node: Node) -> None:
        self.now_ns = 0
        node.create_subscription(Clock, '/clock', self._receive, _common.SENSOR_QOS)

    def _receive(self, message: Clock) -> None:
        self.now_ns = _common.to_ns(message.clock)


class _Listener:
    """Counts on one topic."""

    def __init__(
        self,
        node: Node,
        topic: str,
        kind: str,
        item: Wanted,
        clock: _SimulatedTime,
        tap: Tap | None,
    ) -> None:
        self.measured = Measured(topic, kind)
        self._others = item.others
        self.foreign: tuple[int, tuple[str, ...]] = (0, ())  # messages that do not count
        self._clock_ns = (0, 0)  # /clock with the first and with the newest message
        self._simulated: list[float] = []  # as `offsets`, against /clock
        self._stamped, self._clock, self._tap = has_header(kind), clock, tap
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
        if (names := self._others(cdr)) is not None:
            self.foreign = (self.foreign[0] + 1, joint_list(names))
            return
        now_s, measured = time.monotonic(), self.measured
        self._clock_ns = (self._clock_ns[0] or self._clock.now_ns, self._clock.now_ns)
        self._first_s = self._first_s or now_s
        measured.messages += 1
        measured.newest.append(cdr)
        measured.seconds = now_s - self._first_s
        measured.largest_bytes = max(measured.largest_bytes, len(cdr))
        measured.total_bytes += len(cdr)
        now_ns = time.time_ns()
        if self._stamped:
            stamp_ns = _common.cdr_stamp_ns(cdr)
            measured.offsets.append((now_ns - stamp_ns) * 1e-9)
            if self._clock.now_ns:
                self._simulated.append((self._clock.now_ns - stamp_ns) * 1e-9)
        if self._tap is not None:
            self._tap(measured.topic, measured.type, self._clock.now_ns or now_ns, cdr)

    def settle(self) -> None:
        """Time and stamps by the clock that the driver seems to use, the nearer one."""
        rows = [row for row in (self.measured.offsets, self._simulated) if row]
        if not rows:
            return
        nearest = min(rows, key=lambda row: abs(statistics.median(row)))
        self.measured.offset_s = statistics.median(nearest)
        begin_ns, end_ns = self._clock_ns
        if nearest is self._simulated and end_ns > begin_ns:
            self.measured.seconds = (end_ns - begin_ns) * 1e-9

    def _lost(self, event: QoSMessageLostInfo) -> None:
        if self.measured.messages:  # what was lost before the first is discovery
            self.measured.lost += event.total_count_change


def measure(
    wanted: Sequence[Wanted],
    seconds: float,
    namespace: str = '',
    domain: int | None = None,
    at_end: AtEnd | None = None,
    tap: Tap | None = None,
) -> list[Measured]:
    """Listen to all topics at once; one result for each, in their order.

    `domain` is the DDS domain, None for that of the environment. `at_end` gets the node, and what
    turns its executor, when all is measured: for what else the graph says. `tap` gets every
    message.
    """
    with listening_node(namespace, domain) as (node, executor):
        found = measure_with(node, executor, wanted, seconds, tap)
        if at_end is not None:
            at_end(node, lambda seconds: executor.spin_once(timeout_sec=seconds))
        return found


@contextlib.contextmanager
def listening_node(
    namespace: str = '', domain: int | None = None
) -> Iterator[tuple[Node, SingleThreadedExecutor]]:
    """A node with a context and an executor of its own."""
    context = Context()
    rclpy.init(context=context, domain_id=domain, signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('doctor', context=context, namespace=namespace or None)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def measure_with(
    node: Node,
    executor: SingleThreadedExecutor,
    wanted: Sequence[Wanted],
    seconds: float,
    tap: Tap | None = None,
) -> list[Measured]:
    """As `measure`, with a node and an executor that are there."""
    listeners: dict[int, _Listener] = {}
    clock, other_since_s = _SimulatedTime(node), dict[int, float]()
    give_up_s = time.monotonic() + DISCOVERY_SEC
    while time.monotonic() < give_up_s:
        for i, item in enumerate(wanted):
            topic = node.resolve_topic_name(item.topic)
            types = {info.topic_type for info in node.get_publishers_info_by_topic(topic)}
            kind = item.type or next(iter(sorted(types)), '')
            if i not in listeners and kind in types:
                listeners[i] = _Listener(node, topic, kind, item, clock, tap)
            elif types:
                other_since_s.setdefault(i, time.monotonic())
        settled_s = time.monotonic() - OTHER_TYPE_SEC
        if all(
            i in listeners or other_since_s.get(i, math.inf) < settled_s
            for i in range(len(wanted))
        ):
            break
        executor.spin_once(timeout_sec=0.05)
    end_s = time.monotonic() + (seconds if listeners else 0.0)
    while time.monotonic() < end_s:
        executor.spin_once(timeout_sec=max(0.0, min(0.05, end_s - time.monotonic())))
    return [_result(node, item, listeners.get(i)) for i, item in enumerate(wanted)]


def _result(node: Node, item: Wanted, listener: _Listener | None) -> Measured:
    topic = node.resolve_topic_name(item.topic)
    measured = listener.measured if listener else Measured(topic, item.type)
    if listener is not None and not measured.messages and listener.foreign[0]:
        count, names = listener.foreign
        measured.absence = (
            f'{count} messages came on {topic}, with {list(names)} and none of the names of this '
            'stream; correct names in the contract, or start the driver that publishes them'
        )
    elif listener is None or not measured.messages:
        measured.absence = publishers_text(node, topic, item.type or measured.type or IMAGE)
    else:
        listener.settle()
    return measured
