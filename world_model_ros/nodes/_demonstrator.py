# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The scripted controller of a simulated body as the person who drives it: `guard/teleop`.

It stands beside the robot and sees what no sensor does, so it belongs to the simulation. Its
chunks take the way of a person's: through the guard, within the limits of the robot, recorded as
teleoperation. It waits for the recorder: what is not recorded is shown to nobody.
"""

from __future__ import annotations

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import Contract
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.robots import SimRobot


class Demonstrator:
    """Drives one simulated robot for a number of episodes."""

    def __init__(
        self, node: Node, contract: Contract, robot: SimRobot, episodes: int, boundary: Boundary
    ) -> None:
        """Publish nothing yet; what of diagnostics cannot be read is refused at `boundary`.

        Raises:
            BodyError: the robot's body has no scripted controller.
        """
        robot.demonstrate()
        self._episodes = episodes
        topics = [*(stream.topic for stream in contract.sensed), 'agent/tick', 'agent/episode']
        topics += [contract.reward.topic] if contract.reward.topic else []
        self._recorded = {node.resolve_topic_name(topic) for topic in topics}
        self._unheard: set[str] | None = None  # of these, by the recorder; None: there is none
        self._recorder = node.get_namespace().rstrip('/') + '/recorder'
        node.create_subscription(
            DiagnosticArray,
            '/diagnostics',
            boundary.wrap('/diagnostics', self._on_diagnostics),
            _common.RELIABLE_QOS,
        )
        self._contract, self._robot = contract, robot
        self._teleop = node.create_publisher(JointTrajectory, 'guard/teleop', _common.RELIABLE_QOS)

    def refuses(self, episodes: int) -> str:
        """Why no reset is served after so many, ''."""
        if episodes >= self._episodes:
            return f'all {episodes} episodes are demonstrated'
        if self._unheard is None:
            return 'demonstrations wait for the recorder: start it'
        if self._unheard:
            return (
                f'demonstrations wait until the recorder finds {" ".join(sorted(self._unheard))}'
            )
        return ''

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == self._recorder:
                values = {pair.key: pair.value for pair in status.values}
                self._unheard = self._recorded & set(values['silent'].split())

    def begin(self) -> None:
        """An episode begins: let go of what belonged to the one before."""
        nothing: np.ndarray = np.empty((0, self._contract.action_dim))
        self._teleop.publish(_wire.chunk_message(self._contract, 0, nothing))

    def show(self, t_ns: int) -> None:
        """Decide at this time; where a tick is due and the task is not over.

        As an agent's, a decision takes effect one command offset later.
        """
        if t_ns % self._contract.period_ns or self._robot.terminal():
            return
        start_ns = t_ns + self._contract.command_offset_ns
        command = self._robot.demonstrate()[np.newaxis]  # [1, A]
        self._teleop.publish(_wire.chunk_message(self._contract, start_ns, command))
