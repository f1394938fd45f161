# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One robot's side: guard, recorder and agent, as nodes_table.ROBOT says; with a store, updater.

ros2 launch world_model_ros robot.launch.py contract:=/path/robot.yaml bundle:=/path/bundle \
    robot_id:=arm_07

With store:=URL sealed episodes go there, and the updater brings the releases that come of them.
The agent starts in shadow: it thinks and records, and commands nothing. To let it act:
`ros2 lifecycle set /agent activate`, or start with autostart:=true.
With dashboard:=true a page in the browser shows the robot; its address, with the token to act, is
in a file that the log names.
Arguments and the contract are checked before anything starts. The launch ends, with a status that
is not 0, when guard or agent ends; with respawn:=true they are started again.
"""

from launch import LaunchDescription
from world_model_ros.deploy.launching import launch_actions
from world_model_ros.deploy.nodes_table import OPTIONAL, ROBOT


def generate_launch_description():
    return LaunchDescription(launch_actions((*ROBOT, *OPTIONAL)))
