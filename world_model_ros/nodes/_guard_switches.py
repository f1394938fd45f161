# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard's services: stop, release_stop, enable.

What forbids motion happens first and is on disk a moment later; what allows it is on disk first.
The rules are in docs/reference/guard.md; judgement is in onboard/guard/.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from world_model_ros.nodes._boundary import ends_nothing
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.latch import Latch, Latched


class GuardSwitches:
    """Serves them for one guard."""

    def __init__(
        self,
        node: Node,
        lock: threading.Lock,
        guard: Guard,
        latch: Latch,
        measured: Callable[[], np.ndarray | None],
        unready: Callable[[], str],
        publish_status: Callable[[], None],
    ) -> None:
        """`lock` orders what is done to `guard`; `measured` is called with it held.

        `unready` says why motion must not begin by the clock, ''.
        """
        self._node, self._lock, self._guard, self._latch = node, lock, guard, latch
        self._measured, self._unready, self._publish_status = measured, unready, publish_status
        self._serve(Trigger, '~/stop', self.on_stop)
        self._serve(Trigger, '~/release_stop', self.on_release_stop)
        self._serve(SetBool, '~/enable', self.on_enable)

    def _serve(self, kind: Any, name: str, callback: Callable[[Any, Any], object]) -> None:
        def answer(request: Any, response: Any) -> Any:
            ends_nothing(self._node, lambda: callback(request, response))()
            response.message = response.message or 'failed: see the log of the guard'
            return response

        self._node.create_service(kind, name, answer)

    def on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Latch the protective stop."""
        with self._lock:
            self._guard.stop('service call')
        self._latch.save_soon(Latched(self._guard.stop_reason, self._guard.enabled))
        response.success, response.message = True, 'stopped'
        self._node.get_logger().error(
            'protective stop (software): latched until guard/release_stop'
        )
        self._publish_status()
        return response

    def on_release_stop(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """End the protective stop."""
        if not self._guard.stopped:
            response.success, response.message = True, 'not stopped: nothing to release'
            return response
        self._unlatch(
            response,
            Latched('', self._guard.enabled),
            self._guard.release_stop,
            'released; only new chunks count',
        )
        return response

    def on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Let chunks move the robot, or not."""
        if request.data and self._guard.enabled:  # a moving robot waits for no disk
            response.success, response.message = True, 'enabled already'
            return response
        if request.data:
            self._unlatch(
                response,
                Latched(self._guard.stop_reason, True),
                lambda measured: self._guard.enable(True, measured),
                'enabled; only new chunks count',
            )
            return response
        with self._lock:
            self._guard.enable(False)
        self._latch.save_soon(Latched(self._guard.stop_reason, False))
        self._publish_status()
        response.success, response.message = True, 'disabled: the robot comes to rest'
        self._node.get_logger().info(response.message)
        return response

    def _unlatch(
        self,
        response: Trigger.Response | SetBool.Response,
        state: Latched,
        act: Callable[[np.ndarray | None], str],
        done: str,
    ) -> None:
        """Allow motion again: first it is on disk, then it happens; refused with the reason."""
        before = Latched(self._guard.stop_reason, self._guard.enabled)
        with self._lock:
            measured = self._measured()
        refusal = self._unready() if self._guard.active else ''
        refusal = refusal or self._guard.refuses_motion(measured)
        refusal = refusal or self._latch.save_now(state)
        if not refusal:
            with self._lock:
                refusal = act(measured)
            if refusal:
                self._latch.save_soon(before)
        response.success, response.message = not refusal, refusal or done
        # Two calls: rclpy fixes the severity of each place that logs.
        if refusal:
            self._node.get_logger().error(f'refused: {refusal}')
        else:
            self._node.get_logger().info(done)
        self._publish_status()
