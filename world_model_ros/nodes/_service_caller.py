# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Calls services from any thread, also from inside of a callback of the node that asks.

Owns a small node with a thread of its own: a call waits for its answer, and an executor that waits
would never receive it. The node exists from the first call on.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from rclpy.client import Client
from rclpy.node import Node

from world_model_ros.nodes import _common

_POLL_SEC = 0.02


class ServiceCaller:
    """Clients of one owner, found once and kept."""

    def __init__(self, owner: Node, name: str) -> None:
        """Take the owner's namespace and context; the node is called OWNER_NAME."""
        self._owner, self._name = owner, f'{owner.get_name()}_{name}'
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._node: Node | None = None
        self._thread: threading.Thread | None = None
        self._clients: dict[str, Client] = {}

    def close(self) -> None:
        """Let whoever waits come back, and end the thread."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)
        if self._node is not None:
            self._node.destroy_node()

    def know(self, kind: Any, name: str) -> None:
        """Begin to look for a service: a call of it will not have to."""
        self._client(kind, name)

    def call(self, kind: Any, name: str, request: object, seconds: float) -> Any:
        """The answer; None where there is no such service, or no answer within so many seconds."""
        client = self._client(kind, name)
        give_up_s = time.monotonic() + seconds
        while not client.service_is_ready():
            if time.monotonic() > give_up_s or self._ended.wait(_POLL_SEC):
                return None
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        while not answered.wait(_POLL_SEC):
            if time.monotonic() > give_up_s or self._ended.is_set():
                client.remove_pending_request(future)
                return None
        return future.result()

    def _client(self, kind: Any, name: str) -> Client:
        with self._lock:
            if self._node is None:
                self._start()
            assert self._node is not None  # for the type checker
            if name not in self._clients:
                self._clients[name] = self._node.create_client(kind, name)
            return self._clients[name]

    def _start(self) -> None:
        owner = self._owner
        self._node = node = Node(
            self._name,
            namespace=owner.get_namespace(),
            context=owner.context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        executor = _common.make_executor(owner.context)
        executor.add_node(node)

        def run() -> None:
            while not self._ended.is_set():
                executor.spin_once(timeout_sec=_common.SPIN_TIMEOUT_SEC)

        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()
