# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot in the learned world and its side: imagined_robot, guard, recorder, agent.

ros2 launch world_model_ros imagine.launch.py contract:=reacher bundle:=reacher start:=EPISODE@120

In the namespace `imagined`, with a clock of its own; absolute topics of the contract are moved
into it as well, so that a real robot beside it hears nothing. With dashboard:=true it has a page
in the browser.
"""

from launch import LaunchDescription
from world_model_ros.deploy.launching import launch_actions
from world_model_ros.deploy.nodes_table import (
    DASHBOARD,
    IMAGINE,
    IMAGINED_EPISODES,
    IMAGINED_NAMESPACE,
    IMAGINED_ROBOT_ID,
)


def generate_launch_description():
    return LaunchDescription(
        launch_actions(
            (*IMAGINE, DASHBOARD),
            use_sim_time='true',
            namespace=IMAGINED_NAMESPACE,
            robot_id=IMAGINED_ROBOT_ID,
            directory=IMAGINED_EPISODES,
        )
    )
