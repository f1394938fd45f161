# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A joystick's button, a scan and a URDF that is not there, over the topics of the guard."""

from __future__ import annotations

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

import robot_processes
from lifecycle_msgs.msg import Transition
from sensor_msgs.msg import Joy, LaserScan
from test_position_guard import CHUNKS, HERE, Arm, position_contract

from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros
GUARD = """
guard:
  dead_man: {topic: joy, type: sensor_msgs/msg/Joy, button: 1, timeout: 1.0}
  zones:
    front: {topic: scan, action_type: stop, radius: 0.5, min_points: 2, source_timeout: 1.0}
"""


def test_a_button_and_a_free_zone_let_the_robot_move(tmp_path, domain):
    path = position_contract(tmp_path)
    path.write_text(path.read_text() + GUARD)
    with robot_processes.Robot(domain, tmp_path) as robot:
        joy = robot.node.create_publisher(Joy, 'joy', _common.RELIABLE_QOS)
        scan = robot.node.create_publisher(LaserScan, 'scan', _common.RELIABLE_QOS)
        arm = Arm(robot, path)
        robot.until(lambda: joy.get_subscription_count(), 'the dead-man')
        robot.until(lambda: scan.get_subscription_count(), 'the zone')
        arm.measured, arm.targets = HERE, np.tile([0.6, 0.2], (5, 1))

        def turn(buttons, ranges):
            joy.publish(Joy(buttons=buttons))
            scan.publish(
                LaserScan(
                    ranges=ranges,
                    angle_increment=0.1,
                    range_min=0.05,
                    range_max=9.0,
                )
            )

        free, near = [5.0, 5.0, 5.0], [5.0, 0.3, 0.3]

        def until(done, buttons, ranges):
            def step_done(*row):
                turn(buttons, ranges)
                return done(*row)

            return arm.steps_until(step_done)

        robot.activate_guard(arm.turn)
        until(lambda source, why, _: source == 'safe' and 'press and hold' in why, [1, 0], free)
        arm.measured = 'follows'
        until(lambda source, *_: source in CHUNKS, [0, 1], free)
        until(lambda source, why, _: source == 'safe' and 'zone front' in why, [0, 1], near)
        until(lambda source, *_: source in CHUNKS, [0, 1], free)
        rows = until(lambda source, why, _: source == 'safe', [0, 0], free)
        rows += until(lambda *row: np.array_equal(row[2], rows[-1][2]), [0, 0], free)
        arm.assert_smooth([values for *_, values in rows])


def test_without_its_urdf_the_guard_refuses_to_be_activated(tmp_path, domain):
    path = position_contract(tmp_path)
    path.write_text(f'{path.read_text()}\nguard: {{urdf: arm.urdf, collision: {{distance: 0}}}}\n')
    with robot_processes.Robot(domain, tmp_path) as robot:
        arm = Arm(robot, path)
        assert not robot.change_state(Transition.TRANSITION_ACTIVATE, node='guard')
        robot.until(lambda: arm.status.get('refusal_kind') == 'no_keep_out', 'the reason')
        assert str(tmp_path / 'arm.urdf') in arm.status['refusal']
