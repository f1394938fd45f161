# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topic that moves the robot: our publisher, while there is one, and everybody else's.

Owns the rule that nobody but the active guard commands. The publisher exists only between open()
and close(). Other publishers are found in the graph, by node name; their messages are kept apart
from our own by content: a message that we did not publish is somebody else's.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Empty

from world_model_ros.contract import Action
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._message_class import message_class
from world_model_ros.nodes._qos import publisher

# Of a DDS GID, the part that all endpoints of one process share.
PARTICIPANT_BYTES = 12
# For a driver that hangs a deactivation waits no longer than this.
DELIVER_SEC = 0.25
# Our own commands come back on the same queue. It holds what comes while the executor is busy, so
# that they do not push somebody else's message out; ours are known for longer than they can queue.
QUEUE = 100
OWN_MESSAGES = 3 * QUEUE


@dataclass(frozen=True)
class Other:
    """Another process's publisher on the command topic."""

    node: str  # fully qualified name
    topic: str  # on which it publishes
    gid: bytes
    twin: bool  # a guard of ours that was started twice
    allowed: bool  # listed in allowed_publishers: it may exist, but not send

    def __str__(self) -> str:
        """The name, as far as it is known yet."""
        return self.node


class CommandTopic:
    """Publishes the commands of one group, and knows who else could or does."""

    def __init__(
        self,
        node: Node,
        group: Action,
        allowed: Sequence[str],
        on_other_message: Callable[[str], None],
    ) -> None:
        self._node, self._type = node, message_class(group.type)
        self.name = node.resolve_topic_name(group.topic)
        self._allowed = {name.lstrip('/') for name in allowed if name}
        self._on_other_message = on_other_message
        self._mine: deque[bytes] = deque(maxlen=OWN_MESSAGES)
        self._publisher: Publisher | None = None
        self._last_s = -math.inf  # of anybody's newest command, by time.monotonic()
        self.gid = self._own_gid()
        node.create_subscription(
            self._type,
            self.name,
            Boundary(node).wrap(self.name, self._on_message),
            QoSProfile(depth=QUEUE, reliability=ReliabilityPolicy.BEST_EFFORT),
            raw=True,
        )

    @property
    def silent_s(self) -> float:
        """Seconds since anybody's newest command, ours included."""
        return time.monotonic() - self._last_s

    def open(self) -> None:
        """Make the publisher."""
        self._publisher = publisher(self._node, self._type, self.name, _common.RELIABLE_QOS)

    def deliver(self) -> None:
        """Wait until what was sent has arrived: with its publisher the last command may go."""
        if self._publisher is not None:
            self._publisher.wait_for_all_acked(Duration(seconds=DELIVER_SEC))

    def close(self) -> None:
        """Remove the publisher."""
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
        self._publisher = None

    def publish(self, content: bytes) -> None:
        """Send a serialised command, if the topic is open."""
        if self._publisher is None:
            return
        self._mine.append(content)
        self._publisher.publish(content)
        self._last_s = time.monotonic()

    @property
    def listeners(self) -> int:
        """How many others subscribe to the commands."""
        if self._publisher is None:
            return 0
        ours = 1  # this node hears its own commands
        return max(0, self._publisher.get_subscription_count() - ours)

    def others(self) -> list[Other]:
        """Publishers of the topic that are not in this process."""
        me = self._node.get_fully_qualified_name().lstrip('/')
        found = []
        for info in self._node.get_publishers_info_by_topic(self.name):
            gid = bytes(info.endpoint_gid)
            if gid[:PARTICIPANT_BYTES] == self.gid:
                continue
            name = f'{info.node_namespace.rstrip("/")}/{info.node_name}'.lstrip('/')
            allowed = name in self._allowed or info.node_name in self._allowed
            found.append(Other('/' + name, self.name, gid, name == me, allowed))
        return found

    def _on_message(self, content: bytes) -> None:
        if content in self._mine:
            return
        self._last_s = time.monotonic()
        if self._publisher is not None:
            self._on_other_message(self.name)

    def _own_gid(self) -> bytes:
        """This process's part of the GID, read from a topic that only it can have."""
        topic = self._node.resolve_topic_name(f'~/_id_{uuid.uuid4().hex}')
        publisher = self._node.create_publisher(Empty, topic, 1)
        try:
            infos = self._node.get_publishers_info_by_topic(topic)
            return bytes(infos[0].endpoint_gid)[:PARTICIPANT_BYTES] if infos else b''
        finally:
            self._node.destroy_publisher(publisher)
