# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Listens to a running robot for the `demo` view and the benchmarks; commands nothing.

Owns a node with a thread of its own that only counts; the reader takes the numbers when it
likes. All subscriptions are to topics that are published anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from world_model_ros.contract import Contract
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._robot_ears import RobotEars, hear_streams
from world_model_ros.onboard.tick.tick_record import TickRecord


class Monitor:
    """Follows the robot in one namespace."""

    def __init__(
        self,
        max_ticks: int = 0,
        namespace: str = '',
        on_tick: Callable[[TickRecord], None] = lambda _: None,
        contract: Contract | None = None,
        on_message: Callable[[str, bytes], None] = lambda *_: None,
    ) -> None:
        """Begin to listen; an episode of `max_ticks` (or a terminal one) is whole.

        With a contract also to its streams: `on_message` gets a stream's name and the bytes.
        """
        ears = RobotEars(max_ticks, namespace, on_tick)
        self.view = ears.view
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node(
            'monitor', context=self._context, namespace=namespace or None
        )
        self.boundary = Boundary(self._node)
        for kind, topic, heard, qos in ears.topics():
            self._node.create_subscription(kind, topic, self.boundary.wrap(topic, heard), qos)
        if contract is not None:
            hear_streams(self._node, contract, self.boundary, on_message)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name='monitor', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._end.set()
        _common.end_listener(self._thread, self._node)

    def _run(self) -> None:
        executor = SingleThreadedExecutor(context=self._context)
        executor.add_node(self._node)
        while not self._end.is_set():
            executor.spin_once(timeout_sec=0.1)
        executor.shutdown(timeout_sec=1.0)
