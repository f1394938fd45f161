# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The second controller on the unfriendly arm's command topic, as a node of its own.

It exists silently, or sends a slow motion from where the driver's target is. It has no callbacks
and needs no executor. For tests only.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.serialization import deserialize_message

from world_model_ros.contract import Action
from world_model_ros.nodes import _common
from world_model_ros.nodes._message_class import message_class
from world_model_ros.wire.command_codec import Encoder, encoder

REACH = 0.05  # rad, rad/s or N·m
PERIOD_S = 5.0  # of its motion: far below the driver's limits
Command = tuple[Any, Encoder]  # the type, and its encoder


def command_of(group: Action) -> Command:
    """How commands are written: ask before motion begins, it takes a tenth of a second.

    An arm whose executor does nothing for so long sees commands come in a burst, and faults.
    """
    return message_class(group.type), encoder(group)


class OtherController(Node):
    """Somebody else's controller, such as one that was forgotten."""

    def __init__(self, arm: Node, topic: str, command: Command) -> None:
        super().__init__(
            'other_controller',
            context=arm.context,
            namespace=arm.get_namespace(),
            start_parameter_services=False,
            enable_rosout=False,
        )
        self.sent = 0
        self._type, self._encode = command
        self._publisher = self.create_publisher(self._type, topic, _common.RELIABLE_QOS)
        self._motion: tuple[np.ndarray, float] | None = None  # from where, since when

    def begin(self, target: np.ndarray | None) -> None:
        """Send a motion that begins at `target`; None: be silent."""
        self._motion = None if target is None else (target, time.monotonic())

    def turn(self, now_ns: int) -> None:
        """Send the next command, if it sends."""
        motion = self._motion
        if motion is None:
            return
        target, begin_s = motion
        phase = 2.0 * math.pi * (time.monotonic() - begin_s) / PERIOD_S
        values = target + REACH * 0.5 * (1.0 - math.cos(phase))
        message = deserialize_message(self._encode(now_ns, values), self._type)
        if hasattr(message, 'header'):  # for whoever wants to tell its commands from a guard's
            message.header.frame_id = self.get_name()
        self._publisher.publish(message)
        self.sent += 1
