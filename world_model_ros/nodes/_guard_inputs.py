# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What comes in to the guard: chunks of the agent, chunks of a person, joint positions.

Owns the topics and the newest chunk's start; what becomes of a chunk is judged in onboard/guard/.
"""

from __future__ import annotations

import threading

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import Contract
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._guard_beat import Beat
from world_model_ros.nodes._qos import subscribe
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.joint_positions import JointPositions


class GuardInputs:
    """Takes messages into one guard."""

    beat: Beat  # whose clocks count; set before anything is subscribed

    def __init__(self, node: Node, contract: Contract, lock: threading.Lock, guard: Guard) -> None:
        """`lock` orders what is done to `guard`."""
        self._node, self._contract, self._lock, self._guard = node, contract, lock, guard
        self._positions = JointPositions(contract)
        self.newest_start_ns: int | None = None
        self._refused = ''  # the newest refusal of a chunk, as it was logged

    def subscribe(self, boundary: Boundary) -> None:
        """Listen from now on."""
        qos = _common.RELIABLE_QOS
        topics = [
            (JointTrajectory, 'agent/chunk', self._on_chunk, qos),
            (JointTrajectory, '~/teleop', self._on_teleop, qos),
        ]
        if self._guard.holds_position:
            topics += [
                (JointState, topic, self._on_joints, _common.SENSOR_QOS)
                for topic in self._positions.topics
            ]
        for kind, topic, callback, quality in topics:
            subscribe(self._node, kind, topic, boundary.wrap(topic, callback), quality)

    def measured(self) -> np.ndarray | None:
        """Where the joints are; None once nobody has said so for too long: not where they were."""
        return self._positions.at(self.beat.robot_s()) if self._guard.holds_position else None

    def _on_joints(self, message: JointState) -> None:
        self._positions.take(message.name, message.position, self.beat.robot_s())

    def _on_chunk(self, message: JointTrajectory) -> None:
        if message.points:
            self._take(message, teleop=False)
            return
        with self._lock:  # the agent gives up its last chunk: an episode ended
            self._guard.drop_chunks()
            self.newest_start_ns = None

    def _on_teleop(self, message: JointTrajectory) -> None:
        """A person drives. No points: lets go. A stamp of 0 means now, as everywhere in ROS."""
        if not message.points:
            with self._lock:
                self._guard.drop_chunks(teleop=True)
            return
        if not _common.to_ns(message.header.stamp):
            message.header.stamp = _common.to_time(self.beat.now_ns())
        self._take(message, teleop=True)

    def _take(self, message: JointTrajectory, teleop: bool) -> None:
        try:
            names, times, values = _wire.chunk_arrays(self._contract, message)
        except _wire.ChunkError as error:
            with self._lock:
                refused = self._guard.refuse(str(error), teleop)
            self._log_refusal(refused)
            return
        with self._lock:
            heard_s = self.beat.timeout_s(times[0])
            refused = self._guard.on_chunk(names, times, values, heard_s, teleop)
            if not teleop:  # a refused one is an answer, too: in lockstep time goes on
                self.newest_start_ns = times[0]
        self._log_refusal(refused)
        self.beat.chunk_came()

    def _log_refusal(self, refused: str) -> None:
        # An inactive guard refuses everything; the agent in shadow sends nothing anyway.
        if refused and refused != self._refused and self._guard.active:
            self._node.get_logger().warning(refused, throttle_duration_sec=1.0)
        self._refused = refused
