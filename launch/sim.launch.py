# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated robot and its side: sim_robot, guard, recorder, agent, as nodes_table.SIM says.

ros2 launch world_model_ros sim.launch.py contract:=reacher bundle:=/path/bundle

The same nodes as robot.launch.py, on the simulator's clock. With a namespace each simulated robot
has a clock of its own, so that several of them run side by side.
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction

from launch import LaunchDescription
from world_model_ros.launching import declared, processes
from world_model_ros.nodes_table import SIM, UPDATER

ENTRIES = (*SIM, UPDATER)


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument(**entry) for entry in declared(ENTRIES, use_sim_time='true')
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=processes, args=[ENTRIES])])
