# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Agent and driver of the guard alone, for `world-model bench guard`.

Activates the guard, sends it chunks that always move the arm, and joints that follow its commands.
At its end the process prints stamp and arrival of every command, in ns of the wall clock.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import load_contract
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._boundary import Boundary, ends_nothing

JOINTS_HZ = 100.0
CHUNK_STEPS = 5
REACH_RAD, TURN_S = 0.8, 4.0  # how far, and how long there and back
START_SEC = 60.0


class GuardLoad(Node):
    """Commands the guard of one robot and notes what comes out of it."""

    def __init__(self, contract: str) -> None:
        super().__init__('guard_load')
        self._contract = load_contract(contract)
        self._at = np.zeros(self._contract.action_dim)
        self.heard: list[tuple[int, int]] = []
        (group,) = self._contract.groups
        topic, stream = group.topic, self._contract.joint_streams[0]
        qos = _common.RELIABLE_QOS
        self._joints = self.create_publisher(JointState, stream.topic, qos)
        self._chunks = self.create_publisher(JointTrajectory, 'agent/chunk', qos)
        on_command = Boundary(self).wrap(topic, self._on_command)
        self.create_subscription(JointState, topic, on_command, qos)
        self._client = self.create_client(ChangeState, 'guard/change_state')
        for seconds, callback in (
            (1.0 / JOINTS_HZ, self._send_joints),
            (self._contract.period_s, self._send_chunk),
        ):
            self.create_timer(seconds, ends_nothing(self, callback), clock=_common.STEADY_CLOCK)

    def run(self, seconds: float) -> None:
        """Activate the guard and listen for so long. TimeoutError if nothing is commanded."""
        give_up_s = time.monotonic() + START_SEC
        request = ChangeState.Request()
        request.transition.id = Transition.TRANSITION_ACTIVATE
        while not self.heard:
            if time.monotonic() > give_up_s:
                raise TimeoutError(f'no command within {START_SEC:g} s')
            if self._client.service_is_ready():
                self._client.call_async(request)
            self._spin(1.0)
        self._spin(1.0)  # the driver is found, and the arm moves
        self.heard.clear()
        self._spin(seconds)

    def _spin(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            rclpy.spin_once(self, timeout_sec=0.05)

    def _on_command(self, message: JointState) -> None:
        self.heard.append((_common.to_ns(message.header.stamp), time.time_ns()))
        self._at = np.array(message.position)

    def _send_joints(self) -> None:
        message = JointState(name=list(self._contract.action.names))
        message.position = [float(value) for value in self._at]
        self._joints.publish(message)

    def _send_chunk(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        there = REACH_RAD * np.sin(2.0 * np.pi * now_ns * 1e-9 / TURN_S)
        rows = np.full((CHUNK_STEPS, len(self._at)), there)
        start_ns = now_ns + self._contract.command_offset_ns
        self._chunks.publish(_wire.chunk_message(self._contract, start_ns, rows))


def main() -> None:
    """Run it: CONTRACT SECONDS."""
    rclpy.init()
    node = GuardLoad(sys.argv[1])
    try:
        node.run(float(sys.argv[2]))
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        sys.stdout.write(json.dumps({'commands': node.heard}) + '\n')
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
