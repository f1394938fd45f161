# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What goes out of the guard: one command for each beat, and the report of it on ~/sent.

Runs in the thread of the beat. Which command it is, is decided in onboard/guard/.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from world_model_ros.contract import Contract
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._command_topics import CommandTopics
from world_model_ros.nodes._guard_beat import Beat
from world_model_ros.nodes._guard_tally import Tally
from world_model_ros.onboard.guard import Guard, GuardCommand
from world_model_ros.wire.command_codec import encoder

# After an activation the robot rests until a driver listens, and a moment longer.
SETTLE_SEC = 0.2
LISTEN_SEC = 1.0  # at most: nobody may listen on purpose


class GuardOutput:
    """Samples one guard and publishes."""

    beat: Beat  # which samples; set before the first sample

    def __init__(
        self,
        node: Node,
        contract: Contract,
        lock: threading.Lock,
        guard: Guard,
        commands: CommandTopics,
        measured: Callable[[], np.ndarray | None],
    ) -> None:
        """`lock` orders what is done to `guard`; `measured` is called with it held."""
        self._node, self._contract, self._lock, self._guard = node, contract, lock, guard
        self._commands, self._measured = commands, measured
        # Found once, not at each sample: topic, encoder and part of the vector of each group.
        self._parts = [
            (topic, encoder(group), part)
            for topic, group, part in zip(
                commands.topics, contract.groups, contract.action.parts, strict=True
            )
        ]
        self._sent = node.create_publisher(JointState, '~/sent', _common.RELIABLE_QOS)
        self.last: GuardCommand | None = None
        self.on_stop: Callable[[], object] = lambda: None  # the guard stopped by itself
        self.tally = Tally()
        self.activated_s = -float('inf')

    def send(self, t_ns: int, timeout_s: float, rest: str) -> None:
        """Sample and send one command; the arguments are those of a beat."""
        with self._lock:
            rest = rest or self._not_heard_yet()
            stopped = self._guard.stopped
            command = self._guard.sample(t_ns, timeout_s, self._measured(), rest)
            if not command.send:
                return
            before, self.last = self.last, command
            self._publish(t_ns, command)
            stops = self._guard.stopped and not stopped
        if stops:
            self.on_stop()
        self.tally.add(command.source, command.reasons, self.beat.late_s)
        if before is not None and before.source != command.source:
            self._node.get_logger().info(
                f'{before.source} -> {command.source} {command.words}'.rstrip(),
                throttle_duration_sec=1.0,
            )

    def _not_heard_yet(self) -> str:
        """Why the robot is still kept at rest after an activation, ''.

        A driver that finds the new publisher a moment late would see the first steps as one.
        """
        age_s = time.monotonic() - self.activated_s
        heard = age_s > SETTLE_SEC and (age_s > LISTEN_SEC or not self._commands.unheard)
        still = self.beat.settles and not heard
        return 'just activated: the driver may not listen yet' if still else ''

    def send_again(self, t_ns: int) -> None:
        """Repeat the newest command."""
        if self.last is not None:
            self._publish(t_ns, self.last)

    def _publish(self, t_ns: int, command: GuardCommand) -> None:
        try:
            for (topic, encode, part), due in zip(self._parts, command.due, strict=True):
                if due or self.beat.repeats:
                    topic.publish(encode(t_ns, command.values[part]))
        except Exception:  # the kind's or the middleware's: nothing went out; raised again
            self._guard.not_sent()
            raise
        self._sent.publish(_wire.sent_message(self._contract, t_ns, command))
