# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A camera and joints made of stored bytes, to load the recorder; used by `bench record`.

Publishes serialised messages whose stamps alone change, so that its own cost is small, and says on
stdout when it begins and what it sent. One episode: announced before, ended by a last tick; then
it stays until it is asked to end.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from dataclasses import dataclass

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from world_model_ros.contract import contract_hash, find_robot, interface_hash, load_contract
from world_model_ros.nodes import _common
from world_model_ros.onboard.tick.tick_record import TickRecord

FRAMES = 16  # stored pictures, sent round and round
DISCOVERY_SEC = 20.0


@dataclass(frozen=True)
class Load:
    """What to publish."""

    seconds: float
    width: int
    height: int
    image_rate: float
    joint_rate: float
    best_effort: bool


def stored_images(width: int, height: int) -> list[bytes]:
    """Serialised pictures of noise, the worst case for compression."""
    random = np.random.default_rng(0)
    size = width * height * 3
    frames = []
    for _ in range(FRAMES):
        image = Image(height=height, width=width, encoding='rgb8', step=width * 3)
        image.data = random.integers(0, 256, size, np.uint8).tobytes()
        frames.append(serialize_message(image))
    return frames


def stamped(cdr: bytes, t_ns: int) -> bytes:
    """The same message at another time: its header stamp is bytes 4 to 12 of the CDR."""
    sec, nanosec = divmod(t_ns, _common.NANOSECONDS)
    return cdr[:4] + sec.to_bytes(4, 'little') + nanosec.to_bytes(4, 'little') + cdr[12:]


class LoadNode(Node):
    """Publishes one episode of the load."""

    def __init__(self, load: Load) -> None:
        super().__init__('recorder_load')
        self.load = load
        self.contract = load_contract(find_robot('reacher'))
        self.uuid = str(uuid.uuid4())
        camera = self.contract.image_streams[0].topic
        qos = _common.SENSOR_QOS if load.best_effort else _common.RELIABLE_QOS
        self.images = self.create_publisher(Image, camera, qos)
        self.joints = self.create_publisher(
            JointState, self.contract.joint_streams[0].topic, _common.RELIABLE_QOS
        )
        self.ticks = self.create_publisher(JointState, 'agent/tick', _common.RELIABLE_QOS)
        self.episode = self.create_publisher(String, 'agent/episode', _common.LATCHED_QOS)
        self.counts = {self.images.topic_name: 0, self.joints.topic_name: 0}

    def wait_for_recorder(self) -> None:
        """Return when every topic is heard."""
        heard = (self.images, self.joints, self.ticks, self.episode)
        deadline = time.monotonic() + DISCOVERY_SEC
        while not all(publisher.get_subscription_count() for publisher in heard):
            if time.monotonic() > deadline:
                raise TimeoutError(f'no recorder listens after {DISCOVERY_SEC} s')
            rclpy.spin_once(self, timeout_sec=0.05)

    def announce(self) -> None:
        """Begin the episode."""
        about = {
            'uuid': self.uuid,
            'robot_id': 'bench',
            'contract': self.contract.text,
            'interface_hash': interface_hash(self.contract),
            'contract_hash': contract_hash(self.contract),
        }
        self.episode.publish(String(data=json.dumps(about)))

    def end(self, tick: int) -> None:
        """Publish the tick record after which the recorder seals the episode."""
        record = TickRecord(self.uuid, self.get_clock().now().nanoseconds, tick, last=True)
        message = JointState(name=record.names(), position=record.to_doubles())
        message.header.stamp = _common.to_time(record.t_ns)
        message.header.frame_id = record.frame_id
        self.ticks.publish(message)

    def run(self) -> float:
        """Publish at the rates asked for; returns how long that took."""
        frames = stored_images(self.load.width, self.load.height)
        names = list(self.contract.joint_streams[0].names)
        state = JointState(name=names, position=[0.0] * len(names), velocity=[0.0] * len(names))
        joints = serialize_message(state)
        start = time.monotonic()
        sent = {self.images: 0, self.joints: 0}
        periods = {
            self.images: 1.0 / self.load.image_rate,
            self.joints: 1.0 / self.load.joint_rate,
        }
        while True:
            publisher = min(sent, key=lambda p: sent[p] * periods[p])
            due = sent[publisher] * periods[publisher]
            if due >= self.load.seconds:
                break
            time.sleep(max(0.0, start + due - time.monotonic()))
            cdr = frames[sent[publisher] % FRAMES] if publisher is self.images else joints
            publisher.publish(stamped(cdr, self.get_clock().now().nanoseconds))
            sent[publisher] += 1
            self.counts[publisher.topic_name] += 1
        return time.monotonic() - start


def main() -> None:
    """Run the load given as JSON on the command line."""
    rclpy.init()
    node = LoadNode(Load(**json.loads(sys.argv[1])))
    try:
        node.wait_for_recorder()
        node.announce()
        sys.stdout.write('begin\n')
        sys.stdout.flush()
        seconds = node.run()
        report = {'uuid': node.uuid, 'counts': node.counts, 'seconds': seconds}
        sys.stdout.write(json.dumps(report) + '\n')
        sys.stdout.flush()
        node.end(0)
        rclpy.spin(node)  # what is reliable may have to be sent again
    except (KeyboardInterrupt, ExternalShutdownException):
        return
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
