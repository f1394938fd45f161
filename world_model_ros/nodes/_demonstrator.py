# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The scripted controller of a simulated body as the person who drives it: `guard/teleop`.

It stands beside the robot and sees what no sensor does, so it lives with the simulation. Its
chunks take the way of a person's: through the guard, within the limits of the robot, recorded as
teleoperation.
"""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import Contract
from world_model_ros.nodes import _common, _wire
from world_model_ros.robots import SimRobot


class Demonstrator:
    """Drives one simulated robot for a number of episodes."""

    def __init__(self, node: Node, contract: Contract, robot: SimRobot, episodes: int) -> None:
        """Publish nothing yet.

        Raises:
            BodyError: the robot's body has no scripted controller.
        """
        robot.demonstrate()
        self.episodes = episodes
        self._contract, self._robot = contract, robot
        self._teleop = node.create_publisher(JointTrajectory, 'guard/teleop', _common.RELIABLE_QOS)

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
