# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a moving robot does when a part of it is gone: real processes, real topics."""

from __future__ import annotations

import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('mujoco')

import robot_processes
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros
CONTRACT = load_contract(find_robot('reacher'))
COMMAND_NS = round(1e9 / CONTRACT.command_rate_hz)
CHUNKS = ('chunk', 'chunk_rest')


def start(robot, folder, *camera):
    bundle = robot_processes.tiny_bundle(folder, CONTRACT)
    robot.start('sim_robot', *camera, contract='reacher')
    robot.start('guard', contract='reacher', use_sim_time=True)
    robot.start(
        'agent', contract='reacher', use_sim_time=True, robot_id='r', bundle=bundle, plan=False
    )
    robot.listen()
    robot.activate()


class Camera:
    """The cable between the camera and the agent."""

    def __init__(self, robot):
        self.state = 'plugged'
        self.last_ns = 0
        self.publisher = robot.node.create_publisher(
            Image, 'camera/image_raw', _common.RELIABLE_QOS
        )
        robot.node.create_subscription(Image, 'far/image_raw', self.pass_on, _common.RELIABLE_QOS)

    def pass_on(self, image):
        if self.state == 'unplugged':
            return
        if self.state == 'truncated':
            image.data = image.data[: len(image.data) // 2]
        else:
            self.last_ns = _common.to_ns(image.header.stamp)
        self.publisher.publish(image)


@pytest.mark.parametrize('fault', ['unplugged', 'truncated'])
def test_lost_camera_leads_to_safe_action_and_comes_back_by_itself(tmp_path, domain, fault):
    with robot_processes.Robot(domain, tmp_path) as robot:
        camera = Camera(robot)
        start(robot, tmp_path, 'camera/image_raw:=far/image_raw')
        robot.until(
            lambda: (
                robot.ticks
                and robot.ticks[-1].tick > 25
                and robot.sent
                and robot.sent[-1][1] in CHUNKS
            ),
            'acting',
        )
        camera.state = fault
        seen = len(robot.sent)
        safe = robot.until(
            lambda: next((s for s in robot.sent[seen:] if s[1] == 'safe'), None), 'safe action'
        )
        limit_s = CONTRACT.stream('camera').max_age_s + CONTRACT.period_s
        # The guard samples on its own grid: the first safe command is up to one sample later.
        assert (safe[0] - camera.last_ns) * 1e-9 <= limit_s + COMMAND_NS * 1e-9
        # On a busy machine another stream may be late for a moment, and is named then.
        robot.until(
            lambda: (
                robot.status('/agent')[0] == 2 and 'no usable camera' in robot.status('/agent')[1]
            ),
            'diagnostics ERROR that names the camera',
        )
        invalid = robot.ticks[-1]
        assert not invalid.valid and invalid.source == 'safe'
        camera.state = 'plugged'
        seen = len(robot.sent)
        robot.until(lambda: any(s[1] in CHUNKS for s in robot.sent[seen:]), 'acting again')
        robot.until(lambda: robot.status('/agent')[0] == 0, 'diagnostics OK')
        assert robot.ticks[-1].episode == invalid.episode  # one bad second ends no episode


def test_killed_agent_leads_to_the_guards_safe_action_within_command_timeout(tmp_path, domain):
    with robot_processes.Robot(domain, tmp_path) as robot:
        starts = []  # of the agent's chunks
        robot.node.create_subscription(
            JointTrajectory,
            'agent/chunk',
            lambda m: starts.append(_common.to_ns(m.header.stamp)),
            _common.RELIABLE_QOS,
        )
        start(robot, tmp_path)
        robot.until(lambda: starts and robot.sent and robot.sent[-1][1] in CHUNKS, 'acting')
        robot.kill('agent')
        robot.until(lambda: robot.sent[-1][1] == 'safe', 'safe action')
        # Told by the robot's clock, so that a busy machine may hear of it late.
        rest = [t for t, source, _ in robot.sent if source in CHUNKS and t > starts[-1]]
        late_s = 2 * COMMAND_NS * 1e-9 + 0.1  # the guard's grid, and the tick that thought
        assert len(rest) * COMMAND_NS * 1e-9 <= CONTRACT.command_timeout_s + late_s
        assert robot.processes['guard'].poll() is None


def test_killed_guard_leads_to_zero_torque_by_the_drivers_own_timeout(tmp_path, domain):
    with robot_processes.Robot(domain, tmp_path) as robot:
        efforts, commands = [], []
        robot.node.create_subscription(
            JointState,
            'joint_states',
            lambda m: efforts.append((_common.to_ns(m.header.stamp), list(m.effort))),
            50,
        )
        robot.node.create_subscription(
            JointState, 'command', lambda m: commands.append(_common.to_ns(m.header.stamp)), 50
        )
        start(robot, tmp_path)
        robot.until(lambda: commands and efforts and any(efforts[-1][1]), 'torque')
        robot.kill('guard')
        quiet = robot.until(
            lambda: (
                commands
                and next(
                    (t for t, effort in efforts if t > commands[-1] and not any(effort)), None
                )
            ),
            'zero effort',
        )
        # Physics of a period shows in the message at its end.
        limit_s = CONTRACT.command_timeout_s + 3 * COMMAND_NS * 1e-9
        assert (quiet - commands[-1]) * 1e-9 <= limit_s
        robot.until(lambda: robot.status('/sim_robot')[0] == 1, 'a warning of the driver')


def test_stop_is_latched_and_marks_the_ticks(tmp_path, domain):
    with robot_processes.Robot(domain, tmp_path) as robot:
        start(robot, tmp_path)
        robot.until(lambda: robot.sent and robot.sent[-1][1] in CHUNKS, 'acting')
        assert robot.call('guard/stop').success
        robot.until(lambda: robot.sent[-1][1] == 'stopped', 'stopped')
        ticks = len(robot.ticks)
        robot.until(lambda: len(robot.ticks) > ticks + 10, 'ticks go on')
        assert robot.sent[-1][1] == 'stopped'
        assert robot.ticks[-1].intervention
        assert robot.call('guard/release_stop').success
        robot.until(lambda: robot.sent[-1][1] in CHUNKS, 'acting again')
