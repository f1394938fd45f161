# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hears `robot_description`: its joint limits are kept by the guard, where they are narrower.

Until a sound one is heard the guard is not activated. One that comes while the guard is active
counts from the next activation on: a limit that moves under a moving robot helps nobody.
"""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from std_msgs.msg import String

from world_model_ros.contract import Contract
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._qos import subscribe
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.described_limits import DescribedLimits


class RobotDescription:
    """Owns the newest text of one topic; without one in the contract it does nothing."""

    def __init__(self, node: Node, contract: Contract, guard: Guard, boundary: Boundary) -> None:
        self._log: Any = node.get_logger()
        self._limits = DescribedLimits(contract, guard.limits)
        self._text: str | None = None
        self._used: str | None = None
        self.box: tuple[tuple[float, ...], tuple[float, ...]] = (), ()  # [A]; (): the contract's
        self._topic = contract.driver.robot_description
        if not self._topic:
            return
        self._topic = node.resolve_topic_name(self._topic)
        take = boundary.wrap(self._topic, self._take)
        subscribe(node, String, self._topic, take, _common.LATCHED_QOS)

    def _take(self, message: String) -> None:
        self._text = message.data

    def apply(self) -> str:
        """Before an activation: keep to what was heard; why that cannot be, or ''."""
        if not self._topic or (self._text is not None and self._text == self._used):
            return ''
        if self._text is None:
            return (
                f'{self._topic} has not been heard: start robot_state_publisher, or remove '
                'driver.robot_description from the contract'
            )
        if problem := self._limits.narrow(self._text):
            return f'{self._topic}: {problem}'
        self._used, self.box = self._text, self._limits.box
        self._log.info(f'limits of {self._topic}: {self._limits.narrowed or "none is narrower"}')
        return ''
