# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hears chunks as the guard does and commands as a driver does, for `world-model bench latency`.

A process of its own. At its end it prints, as one JSON object, stamp and arrival of every chunk
and every command in ns of the wall clock, and the newest diagnostics of the agent. Commands
nothing; decodes stamps alone.
"""

from __future__ import annotations

import json
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary

KEPT = 200_000  # chunks or commands: more than half an hour of each


class LatencyProbe(Node):
    """Notes when chunks and commands arrive."""

    def __init__(self) -> None:
        super().__init__('latency_probe')
        topic = str(self.declare_parameter('command', 'command').value)
        self.heard: dict[str, list[tuple[int, int]]] = {'chunks': [], 'commands': []}
        self.values: dict[str, str] = {}
        boundary = Boundary(self)
        for kind, name, kept in (
            (JointTrajectory, 'agent/chunk', self.heard['chunks']),
            (JointState, topic, self.heard['commands']),
        ):

            def note(cdr: bytes, kept: list[tuple[int, int]] = kept) -> None:
                if len(kept) < KEPT:
                    kept.append((_common.cdr_stamp_ns(cdr), time.time_ns()))

            heard = boundary.wrap(name, note)
            self.create_subscription(kind, name, heard, _common.RELIABLE_QOS, raw=True)
        on_diagnostics = boundary.wrap('/diagnostics', self._on_diagnostics)
        self.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, 10)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith('agent'):
                self.values = {item.key: item.value for item in status.values}

    def close(self) -> None:
        """Print what was collected."""
        sys.stdout.write(json.dumps({**self.heard, 'agent': self.values}) + '\n')
        sys.stdout.flush()


def main() -> None:
    """Run the probe until a signal."""
    sys.exit(_common.run_node(LatencyProbe))


if __name__ == '__main__':
    main()
