# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated robot and its side: sim_robot, guard, recorder, agent, as nodes_table.SIM says.

ros2 launch world_model_ros sim.launch.py contract:=reacher bundle:=reacher robot_id:=r1

The same nodes as robot.launch.py, dashboard:=true included, on the simulator's clock. With a
namespace each simulated robot has a clock of its own, so that several of them run side by side.
"""

from launch import LaunchDescription
from world_model_ros.deploy.launching import launch_actions
from world_model_ros.deploy.nodes_table import OPTIONAL, SIM


def generate_launch_description():
    return LaunchDescription(launch_actions((*SIM, *OPTIONAL), use_sim_time='true'))
