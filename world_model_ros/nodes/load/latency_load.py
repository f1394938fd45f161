# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plays the driver of one robot for `world-model bench latency`: stored pictures, and joints.

Each picture is stamped at the moment before it is published. At its end the process prints the
stamps as one JSON object. Commands nothing, hears nothing.
"""

from __future__ import annotations

import json
import sys
import time

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState

from world_model_ros.contract import load_contract
from world_model_ros.nodes import _common
from world_model_ros.nodes.load.recorder_load import DISCOVERY_SEC, stamped, stored_images


class LatencyLoad(Node):
    """Publishes the camera and the joints of a contract at their rates."""

    def __init__(self, contract: str, width: int, height: int) -> None:
        super().__init__('latency_load')
        self.contract = load_contract(contract)
        camera, joints = self.contract.image_streams[0], self.contract.joint_streams[0]
        self._pictures = stored_images(width, height)
        names = list(joints.names)
        zeros = [0.0] * len(names)
        self._joints = serialize_message(JointState(name=names, position=zeros, velocity=zeros))
        self._camera = self.create_publisher(Image, camera.topic, _common.SENSOR_QOS)
        self._state = self.create_publisher(JointState, joints.topic, _common.RELIABLE_QOS)
        self._rates = {self._camera: camera.rate_hz, self._state: joints.rate_hz}
        self.stamps_ns: list[int] = []

    def wait_for_agent(self) -> None:
        """Return when both topics are heard. TimeoutError if that does not happen."""
        deadline = time.monotonic() + DISCOVERY_SEC
        while not all(publisher.get_subscription_count() for publisher in self._rates):
            if time.monotonic() > deadline:
                raise TimeoutError(f'no agent listens after {DISCOVERY_SEC:g} s')
            rclpy.spin_once(self, timeout_sec=0.05)

    def run(self, seconds: float) -> None:
        """Publish for so long."""
        start_s = time.monotonic()
        sent = dict.fromkeys(self._rates, 0)
        while True:
            publisher = min(sent, key=lambda p: sent[p] / self._rates[p])
            due_s = sent[publisher] / self._rates[publisher]
            if due_s >= seconds:
                return
            time.sleep(max(0.0, start_s + due_s - time.monotonic()))
            if publisher is self._camera:
                picture = self._pictures[sent[publisher] % len(self._pictures)]
                t_ns = time.time_ns()
                publisher.publish(stamped(picture, t_ns))
                self.stamps_ns.append(t_ns)
            else:
                publisher.publish(stamped(self._joints, time.time_ns()))
            sent[publisher] += 1


def main() -> None:
    """Run the load: CONTRACT WIDTH HEIGHT SECONDS."""
    contract, width, height, seconds = sys.argv[1:5]
    rclpy.init()
    node = LatencyLoad(contract, int(width), int(height))
    try:
        node.wait_for_agent()
        node.run(float(seconds))
        sys.stdout.write(json.dumps(node.stamps_ns) + '\n')
        sys.stdout.flush()
    except (KeyboardInterrupt, ExternalShutdownException):
        return
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
