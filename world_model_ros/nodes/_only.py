# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One node of a name: the second one on this machine is refused at its start.

ROS lets two nodes share a name, and their services and parameters then answer in turns. The lock
is the kernel's: it ends with its process, however that ends, while a killed node stays in the ROS
graph for many seconds and would keep its own successor out. Nodes on other machines, or in
containers with another /tmp, are not seen.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

from rclpy.node import Node


class AlreadyRunning(RuntimeError):
    """A node of this name runs on this machine, in this domain."""


def only_one(node: Node) -> IO[str] | None:
    """Claim the node's name; None where no lock can be kept. Close it when the node has ended.

    Raises:
        AlreadyRunning: another process has claimed it; the error names the process.
    """
    name = node.get_fully_qualified_name()
    domain = node.context.get_domain_id()
    try:
        folder = Path(tempfile.gettempdir()) / f'world_model_ros_{os.getuid()}'
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = (folder / f'{domain}{name.replace("/", "+")}').open('a+', encoding='utf-8')
    except OSError as error:
        node.get_logger().warning(f'cannot see whether another {name} runs: {error}')
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip() or 'unknown'
        lock.close()
        raise AlreadyRunning(
            f'a node {name} already runs on this machine, in ROS domain {domain} (process '
            f'{holder}): end it, or give this one a namespace: -r __ns:=/NAME'
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
