# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot of contract format 2 through the real nodes: a task is set, recorded and rebuilt."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy')

import robot_processes
from sensor_msgs.msg import JointState

from world_model_ros.contract import find_robot
from world_model_ros.experience import EpisodeReader, list_episodes, parity, to_arrays
from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros
GROUPS = """actions:
  wheel:
    topic: wheel/command
    kind: effort
    names: [counter]
    low: [-1000000.0]
    high: [1000000.0]
    limits: {low: [-0.5], high: [0.5], slew_rate: [1000000000.0]}
    safe: zero
    gravity_safe: true
task: {names: [goal], low: [0.0], high: [9.0], default: [1.0]}
body: counter
"""


def robot_file(folder):
    """The counter in format 2."""
    text = find_robot('counter').read_text().replace('format: 1', 'format: 2')
    before, _, rest = text.partition('action:\n')
    path = folder / 'counter2.yaml'
    path.write_text(before + GROUPS + rest[rest.index('reward:') :])
    return path


def test_a_task_is_set_for_the_next_episode_recorded_and_rebuilt(tmp_path, domain):
    path, directory = robot_file(tmp_path), tmp_path / 'episodes'
    common = {'contract': path, 'use_sim_time': True}
    with robot_processes.Robot(domain, tmp_path) as robot:
        robot.listen()
        heard: list[JointState] = []
        robot.node.create_subscription(JointState, 'agent/task', heard.append, _common.LATCHED_QOS)
        task = robot.node.create_publisher(JointState, 'agent/set_task', _common.RELIABLE_QOS)
        robot.start('recorder', directory=directory, **common)
        robot.start('guard', **common)
        robot.start('agent', explore=True, **common)
        robot.start('sim_robot', contract=path, speed=2.0)
        robot.until_recorder_hears()
        robot.activate()
        robot.until(lambda: robot.sent and len(robot.ticks) > 10, 'ticks that move the robot')
        robot.until_recorder_hears_the_agent()
        begun = {t.episode for t in robot.ticks}  # the recorder may have met the driver in it
        first = robot.ticks[-1]
        assert first.schema == 2 and first.task == {'goal': 1.0}

        robot.until(task.get_subscription_count, 'the agent')
        task.publish(JointState(name=['goal'], position=[99.0]))  # outside of its range
        task.publish(JointState(name=['goal'], position=[4.0]))

        def goes_on():
            return [t for t in robot.ticks if t.task == {'goal': 4.0} and t.tick > 10]

        robot.until(goes_on, 'an episode with the new task')
        by_episode = {t.episode: set() for t in robot.ticks}
        for tick in robot.ticks:
            by_episode[tick.episode].add(tick.task['goal'])
        assert all(len(goals) == 1 for goals in by_episode.values())
        assert dict(zip(heard[-1].name, heard[-1].position, strict=True)) == {'goal': 4.0}
        assert [e['task'] for e in robot.announced][-1] == {'goal': 4.0}
        assert max(abs(t.sent[0]) for t in robot.ticks) <= 0.5  # the limit of today
        assert robot.end('recorder') == 0

    goals = set()
    for episode in list_episodes(directory):
        reader = EpisodeReader(episode)
        report = parity(reader)
        whole = report.rebuilt + report.unobserved == report.ticks
        assert whole or reader.info.uuid in begun, report.first_problem
        assert not report.different and report.rebuilt, report.first_problem
        assert reader.topic('command.wheel').endswith('wheel/command')
        goals |= set(to_arrays(reader)['obs_task'][1:].ravel().tolist())
    assert {1.0, 4.0} <= goals
