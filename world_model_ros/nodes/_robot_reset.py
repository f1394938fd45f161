# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The driver's reset service, as the worker calls it: it waits, until it is asked not to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode
from std_srvs.srv import Trigger

from world_model_ros.onboard.agent.reset_answer import ResetAnswer, read_reset_answer

RESET_SERVICE_SEC = 1.0  # to find the driver's service; the worker tries again
RESET_ANSWER_SEC = 5.0
_POLL_SEC = 0.05


class RobotReset:
    """Client of one service."""

    def __init__(
        self, node: LifecycleNode, now_ns: Callable[[], int], warn: Callable[[str], None]
    ) -> None:
        self._node, self._now_ns, self._warn = node, now_ns, warn
        self._aborted = threading.Event()
        self._reset = node.create_client(Trigger, 'reset')

    def close(self) -> None:
        """Destroy the client."""
        self._node.destroy_client(self._reset)

    def abort(self) -> None:
        """Let whoever waits come back, now and later."""
        self._aborted.set()

    def call(self) -> ResetAnswer | None:
        """Call the driver's reset and wait; None if it failed, for which there is a warning."""
        if not self.wait(self._reset.service_is_ready, RESET_SERVICE_SEC):
            self._warn(f"no service {self._reset.srv_name}: is the robot's driver running?")
            return None
        answered = threading.Event()
        future = self._reset.call_async(Trigger.Request())
        future.add_done_callback(lambda _: answered.set())
        if not self.wait(answered.is_set, RESET_ANSWER_SEC, answered):
            self._reset.remove_pending_request(future)
            self._warn(f'{self._reset.srv_name} did not answer within {RESET_ANSWER_SEC:.0f} s')
            return None
        response = future.result()
        if not response.success:
            self._warn(f'{self._reset.srv_name} failed: {response.message}')
            return None
        try:
            return read_reset_answer(response.message, self._now_ns())
        except ValueError as error:
            self.refuse(error)
            return None

    def refuse(self, error: ValueError) -> None:
        """The answer names a task that this robot cannot have."""
        self._warn(
            f'the answer of {self._reset.srv_name} cannot be used: {error}; no episode begins '
            "until the driver's task is one of the contract's section task"
        )

    def wait(
        self, done: Callable[[], bool], seconds: float, event: threading.Event | None = None
    ) -> bool:
        """Whether it is done within so many seconds and nobody has aborted."""
        give_up_s = time.monotonic() + seconds
        while not done():
            if self._aborted.is_set() or time.monotonic() > give_up_s:
                return False
            (event or self._aborted).wait(_POLL_SEC)
        return True
