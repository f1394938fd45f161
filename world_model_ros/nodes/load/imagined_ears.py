# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counts what an imagined robot publishes, for `world-model bench imagined`.

Hears the contract's first picture and its clock as they come, decodes nothing, and prints one JSON
object: pictures and seconds of the robot's time per second of the wall. Commands nothing.
"""

from __future__ import annotations

import json
import sys
import time

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from world_model_ros.contract import load_contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._message_class import message_class

FIRST_SEC = 90.0  # until the first picture: a bundle is loaded and an episode read before it
SETTLE_SEC = 1.0  # not counted


class ImaginedEars(Node):
    """Counts messages between two moments."""

    def __init__(self, contract: str, namespace: str) -> None:
        super().__init__('monitor', namespace=namespace)  # this name may listen
        camera = load_contract(contract).image_streams[0]
        self.pictures, self.clock_ns = 0, 0
        kind = message_class(stream_kind(camera.kind).type_of(camera))
        boundary, clock = Boundary(self), f'{namespace}/clock'
        on_picture = boundary.wrap(camera.topic, self._on_picture)
        self.create_subscription(kind, camera.topic, on_picture, _common.RELIABLE_QOS, raw=True)
        self.create_subscription(Clock, clock, boundary.wrap(clock, self._on_clock), 10)

    def spin(self, seconds: float) -> None:
        """Listen for so long."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            rclpy.spin_once(self, timeout_sec=0.05)

    def wait(self) -> None:
        """Listen until a picture came. TimeoutError if none does."""
        end_s = time.monotonic() + FIRST_SEC
        while not self.pictures:
            if time.monotonic() > end_s:
                raise TimeoutError(f'no picture within {FIRST_SEC:g} s')
            rclpy.spin_once(self, timeout_sec=0.05)

    def _on_picture(self, _cdr: bytes) -> None:
        self.pictures += 1

    def _on_clock(self, message: Clock) -> None:
        self.clock_ns = _common.to_ns(message.clock)


def main() -> None:
    """Count: CONTRACT NAMESPACE SECONDS."""
    contract, namespace, seconds = sys.argv[1:4]
    rclpy.init()
    ears = ImaginedEars(contract, namespace)
    try:
        ears.wait()
        ears.spin(SETTLE_SEC)
        begun_s, pictures, clock_ns = time.monotonic(), ears.pictures, ears.clock_ns
        ears.spin(float(seconds))
        passed_s = time.monotonic() - begun_s
        found = {
            'seconds': passed_s,
            'pictures_per_s': (ears.pictures - pictures) / passed_s,
            'robot_s_per_s': (ears.clock_ns - clock_ns) / _common.NANOSECONDS / passed_s,
        }
        sys.stdout.write(json.dumps(found) + '\n')
        sys.stdout.flush()
    except (KeyboardInterrupt, ExternalShutdownException):
        return
    finally:
        ears.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
