# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard's services go_home and confirm: a real robot is reset by a person who watches it.

`go_home` answers with the way and moves nothing; `confirm` within CONFIRM_SEC lets it begin.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from std_srvs.srv import Trigger

from world_model_ros.nodes._boundary import ends_nothing
from world_model_ros.onboard.guard import Guard

CONFIRM_SEC = 15.0  # to look at the robot and say yes


class GuardHome:
    """Serves them for one guard whose contract names a home."""

    def __init__(
        self,
        node: Node,
        lock: threading.Lock,
        guard: Guard,
        measured: Callable[[], np.ndarray | None],
        now_ns: Callable[[], int],
    ) -> None:
        """`lock` orders what is done to `guard`; `measured` is called with it held."""
        self._node, self._lock, self._guard = node, lock, guard
        self._measured, self._now_ns = measured, now_ns
        self._asked_s = -float('inf')
        if guard.homing.possible:
            self._serve('~/go_home', self._on_go_home)
            self._serve('~/confirm', self._on_confirm)

    def _serve(self, name: str, act: Callable[[], tuple[bool, str]]) -> None:
        def answer(_request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            def call() -> None:
                response.success, response.message = act()

            ends_nothing(self._node, call)()
            response.message = response.message or 'failed: see the log of the guard'
            # Two calls: rclpy fixes the severity of each place that logs.
            if response.success:
                self._node.get_logger().info(f'{name[2:]}: {response.message}')
            else:
                self._node.get_logger().warning(f'{name[2:]} refused: {response.message}')
            return response

        self._node.create_service(Trigger, name, answer)

    def _on_go_home(self) -> tuple[bool, str]:
        self._asked_s = -float('inf')
        with self._lock:
            refusal, way = self._guard.refuses_home(self._measured()), self._guard.way_home
        if refusal:
            return False, refusal
        self._asked_s = time.monotonic()
        return True, f'{way}: look at the robot, then call guard/confirm within {CONFIRM_SEC:g} s'

    def _on_confirm(self) -> tuple[bool, str]:
        asked, self._asked_s = time.monotonic() - self._asked_s, -float('inf')
        if asked > CONFIRM_SEC:
            return False, f'nothing to confirm: call guard/go_home, then within {CONFIRM_SEC:g} s'
        with self._lock:
            refusal = self._guard.go_home(self._now_ns(), self._measured())
        return not refusal, refusal or 'on the way home; guard/stop ends it'
