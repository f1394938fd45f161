# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A guard node in the test's own process: for what no topic shows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor

from world_model_ros.nodes.guard import GuardNode

PATIENCE_SEC = 60.0
Spin = Callable[[Callable[[], object], str], None]


def init(domain: int, **parameters: object) -> None:
    """Initialise rclpy in a domain; every node of this process gets these parameters."""
    words = [word for name, value in parameters.items() for word in ('-p', f'{name}:={value}')]
    rclpy.init(domain_id=domain, args=['--ros-args', *words])


@contextlib.contextmanager
def guard_inside(
    domain: int, contract: str | Path, robot_id: str, folder: Path
) -> Iterator[tuple[GuardNode, Spin]]:
    """Make an inactive guard that keeps its latch in a folder, and what spins it until."""
    init(domain, contract=contract, robot_id=robot_id, state_directory=folder)
    node = GuardNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin(done: Callable[[], object], what: str) -> None:
        give_up_s = time.monotonic() + PATIENCE_SEC
        while not done():
            assert time.monotonic() < give_up_s, what
            executor.spin_once(timeout_sec=0.01)

    try:
        yield node, spin
    finally:
        node.close()
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown()


def discovered(node: GuardNode) -> bool:
    """Whether the guard has looked for other publishers long enough to be activated."""
    return not node._rivals.refusal()
