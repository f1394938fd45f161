# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arm through the real nodes: two command groups by hand, and its scripted controller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('mujoco')

import robot_processes
from recorded_robot import recorded_robot
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.evaluation import ScriptedActor
from world_model_ros.experience import EpisodeReader, check_episode, list_episodes, to_arrays
from world_model_ros.experience.read.rebuild import read_ticks
from world_model_ros.nodes import _common, _wire
from world_model_ros.robots import make_env

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
TICKS = 25
TOPICS = frozenset(
    {'/camera/image_raw', '/camera/depth/image_rect_raw', '/joint_states', '/reward'}
)
CLOSED_RAD, TURN_RAD_S = 1.2, 0.3
SHOWN_SEED = 10_000
WITHIN_SEC = 120.0  # anything, on a busy machine


def test_a_person_turns_the_arm_and_closes_its_hand_through_the_guard(
    tmp_path: Path, domain
) -> None:
    with recorded_robot('arm', tmp_path, domain, TICKS, TOPICS) as arm:
        robot, contract = arm.robot, arm.contract
        heard: dict[str, list[JointState]] = {'arm': [], 'gripper': []}
        for group in contract.groups:
            robot.node.create_subscription(
                JointState, group.topic, heard[group.name].append, _common.RELIABLE_QOS
            )
        teleop = robot.node.create_publisher(JointTrajectory, 'guard/teleop', _common.RELIABLE_QOS)
        robot.until(teleop.get_subscription_count, 'the guard')
        wanted = np.array([[TURN_RAD_S, 0.0, 0.0, 0.0, 0.0, 0.0, CLOSED_RAD]])
        robot.activate()

        def driven() -> list[Path]:
            teleop.publish(_wire.chunk_message(contract, 0, wanted))
            return arm.sealed()[:1]

        [episode] = robot.until(driven, 'a sealed episode')
    assert check_episode(episode, rebuilt=True) == []
    arrays = to_arrays(episode)
    joints = contract.stream('joints').names
    first, last = arrays['obs_joints'][0], arrays['obs_joints'][-1]
    finger, turned = joints.index('finger'), joints.index('joint_1')
    assert arrays['intervention'].any() and arrays['observed'].all()
    assert last[finger] > first[finger] + 0.5 and last[turned] > first[turned] + 0.1
    assert {tuple(each.name) for each in heard['arm']} == {tuple(joints[:6])}
    assert {tuple(each.name) for each in heard['gripper']} == {('finger',)}
    assert max(each.position[0] for each in heard['gripper']) == pytest.approx(CLOSED_RAD)
    assert max(each.velocity[0] for each in heard['arm']) <= contract.high[0]
    assert all(abs(speed) <= 0.8 for each in heard['arm'] for speed in each.velocity)


def scripted() -> list[float]:
    """Rewards of the scripted controller's episode, without nodes."""
    env = make_env(load_contract(find_robot('arm')), 0)
    step, actor, rewards = env.reset(SHOWN_SEED), ScriptedActor(env), []
    while not (step.terminal or step.truncated):
        step = env.step(actor(step))
        rewards.append(step.reward)
    assert step.terminal
    env.close()
    return rewards


def test_a_demonstration_through_the_guard_is_the_scripted_episode_marked_as_teleoperation(
    tmp_path: Path, domain
) -> None:
    words = ['demonstrate', 'arm', '--episodes', '2', '--seed', str(SHOWN_SEED), '--json']
    done = subprocess.run(
        [
            *(sys.executable, '-m', 'world_model_ros.cli.main'),
            *words,
            *('--out', str(tmp_path / 'shown')),
        ],
        env={**os.environ, 'ROS_DOMAIN_ID': str(domain), 'MUJOCO_GL': 'egl'},
        cwd=robot_processes.ROOT,
        capture_output=True,
        text=True,
        timeout=WITHIN_SEC,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    paths = list_episodes(tmp_path / 'shown')
    assert all(check_episode(path, rebuilt=True) == [] for path in paths)
    found = [EpisodeReader(path) for path in paths]
    first, second = sorted(found, key=lambda reader: read_ticks(reader)[0].t_ns)
    expected, arrays = scripted(), to_arrays(first)
    np.testing.assert_allclose(arrays['reward'][1:], expected, atol=1e-5)
    assert arrays['terminal'][-1] and arrays['observed'].all()
    # Nothing is commanded before the first decision takes effect, one offset later.
    assert arrays['intervention'].tolist() == [False, False] + [True] * (len(expected) - 1)
    assert {tick.source for tick in read_ticks(first)[2:]} == {'teleop'}
    assert figures['recorded'] == 2 and not figures['died']
    recorded = [float(np.nansum(to_arrays(each)['reward'])) for each in (first, second)]
    assert figures['returns'] == pytest.approx(recorded, abs=1e-4)
