# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the robot's driver says of itself: its topic of faults, as the contract names it.

A driver that says so, or that has said nothing for `max_age`, has a fault. What follows from one
is decided in onboard/guard/.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from std_msgs.msg import Bool

from world_model_ros.contract.driver_section import DIAGNOSTICS
from world_model_ros.contract.schema import Driver
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary, ends_nothing
from world_model_ros.nodes._message_class import message_class
from world_model_ros.nodes._qos import subscribe

LOOKS_PER_AGE = 5  # how often silence is looked for within max_age
LONGEST_LOOK_SEC = 0.2


class DriverFault:
    """Hears one topic and says what is wrong whenever that changes."""

    def __init__(
        self, node: Node, driver: Driver, boundary: Boundary, tell: Callable[[str], object]
    ) -> None:
        """Call `tell` with the fault in words, or with '', in the executor's thread."""
        self._driver, self._tell = driver, tell
        self._text: str | None = None  # as it was reported
        self._heard_s = time.monotonic()
        self._ever = False
        if not driver.fault_topic:
            return
        self._topic = node.resolve_topic_name(driver.fault_topic)
        latched = not driver.fault_max_age_s
        read = self._of_diagnostics if driver.fault_type == DIAGNOSTICS else self._of_bool

        def receive(message: Any) -> None:
            if (text := read(message)) is not None:
                self._ever, self._heard_s = True, time.monotonic()
                self._say(text)

        subscribe(
            node,
            message_class(driver.fault_type),
            driver.fault_topic,
            boundary.wrap(driver.fault_topic, receive),
            _common.LATCHED_QOS if latched else _common.SENSOR_QOS,
        )
        if latched:
            self._say(f'{self._topic} has said nothing yet: is the driver running?')
            return
        period_s = min(LONGEST_LOOK_SEC, driver.fault_max_age_s / LOOKS_PER_AGE)
        self._look()
        look = ends_nothing(node, self._look)
        node.create_timer(period_s, look, clock=_common.STEADY_CLOCK)

    def _say(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._tell(text)

    def _look(self) -> None:
        silent_s = time.monotonic() - self._heard_s
        if not self._ever:
            self._say(f'{self._topic} has said nothing yet: is the driver running?')
        elif silent_s > self._driver.fault_max_age_s:
            self._say(
                f'{self._topic} is silent for longer than {self._driver.fault_max_age_s:g} s '
                '(driver.fault.max_age): is the driver running?'
            )

    def _of_bool(self, message: Bool) -> str | None:
        if bool(message.data) != self._driver.fault_when:
            return ''
        value = str(bool(message.data)).lower()
        return f'the driver reports a fault: {self._topic} is {value}; clear it at the driver'

    def _of_diagnostics(self, message: DiagnosticArray) -> str | None:
        """None where the message has no such status: one topic carries those of many nodes."""
        for status in message.status:
            if status.name != self._driver.fault_name:
                continue
            if status.level < _common.ERROR:
                return ''
            return (
                f'the driver reports a fault: {self._driver.fault_name!r} on {self._topic}: '
                f'{status.message[:200] or "no words"}'
            )
        return None
