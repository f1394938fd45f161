# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of what the agent believes and imagines, drawn only while somebody looks.

Runs in a thread of its own, at its own slow rate, on a copied reference of the last belief and
chunk; the tick's thread never waits for it and never decodes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image

from world_model_ros.bundle import Bundle
from world_model_ros.contract import Contract
from world_model_ros.nodes import _common
from world_model_ros.onboard.agent.episode import Snapshot
from world_model_ros.onboard.policy.capabilities import Graphs


class Pictures:
    """Publishes ~/believed (now) and ~/imagined (the plan's steps, side by side)."""

    def __init__(
        self,
        node: Node,
        contract: Contract,
        rate_hz: float,
        latest: Callable[[], Snapshot | None],
    ) -> None:
        if not rate_hz >= 0.0:
            raise ValueError(f'parameter picture_rate is {rate_hz}: expected Hz, or 0 for none')
        self._latest = latest
        self._bundle: Bundle | None = None  # the one drawn last
        self._period_s = 1.0 / rate_hz if rate_hz else 0.0
        self._streams = [stream.name for stream in contract.image_streams]
        self._node = node
        self._believed = node.create_publisher(Image, '~/believed', 1)
        self._imagined = node.create_publisher(Image, '~/imagined', 1)
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        if self._streams and rate_hz:
            self._thread = threading.Thread(target=self._run, name='pictures', daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread and take the topics away."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self._node.destroy_publisher(self._believed)
        self._node.destroy_publisher(self._imagined)

    def _run(self) -> None:
        drawn_ns = None
        while not self._end.wait(self._period_s):
            snapshot = self._latest()
            if snapshot is None or snapshot.t_ns == drawn_ns:
                continue
            drawn_ns = snapshot.t_ns
            if snapshot.bundle is None or 'decode' not in snapshot.bundle.drawing:
                continue
            if snapshot.bundle is not self._bundle:  # another model acts: its own graphs
                self._bundle = snapshot.bundle
                # no buffers shared with the tick
                self._graphs = Graphs(snapshot.bundle, snapshot.bundle.drawing)
            if self._believed.get_subscription_count():
                self._publish(self._believed, snapshot.t_ns, self._draw(snapshot.belief))
            if self._imagined.get_subscription_count():
                self._publish(self._imagined, snapshot.t_ns, self._film(snapshot))

    def _draw(self, belief: np.ndarray) -> np.ndarray:
        """The picture [h, w, 3] of a belief: the robot's cameras side by side."""
        images = self._graphs.decode(belief, self._streams)
        height = max(image.shape[0] for image in images)
        return np.hstack(
            [np.pad(image, ((0, height - image.shape[0]), (0, 0), (0, 0))) for image in images]
        )

    def _film(self, snapshot: Snapshot) -> np.ndarray:
        """The pictures of the plan's steps, from left to right."""
        belief, frames = snapshot.belief, []
        for action in snapshot.chunk:
            belief = self._graphs.imagine(belief, action)
            frames.append(self._draw(belief))
            time.sleep(0)  # the tick's thread first
        return np.hstack(frames)

    def _publish(self, publisher: Publisher, t_ns: int, picture: np.ndarray) -> None:
        height, width, _ = picture.shape
        image = Image(height=height, width=width, encoding='rgb8', step=3 * width)
        image.header.stamp = _common.to_time(t_ns)
        image.data = np.ascontiguousarray(picture).tobytes()
        publisher.publish(image)
