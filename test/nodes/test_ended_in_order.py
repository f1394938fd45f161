# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An episode that its operator ends is a whole one: life cycle and Ctrl-C, in any order."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import robot_processes
from lifecycle_msgs.msg import Transition

from world_model_ros.contract import load_contract
from world_model_ros.experience import EpisodeReader, check_episode, list_episodes
from world_model_ros.experience.read.rebuild import read_ticks
from world_model_ros.experience.record.open_episode import RECORDER_STOPPED

pytestmark = pytest.mark.ros
RULES = '{reset: service, max_ticks: 100000}'
TICKS = 10


class Operated:
    """The counter robot, acting and recorded, on simulated time as in the demo."""

    def __init__(self, folder: Path, domain: int) -> None:
        self.directory = folder / 'episodes'
        path = robot_processes.counter_contract(folder, RULES)
        bundle = robot_processes.tiny_bundle(folder, load_contract(path))
        self.robot = robot = robot_processes.Robot(domain, folder)
        common = {'contract': path, 'use_sim_time': True}
        robot.listen()
        robot.start('recorder', directory=self.directory, **common)
        robot.start('guard', **common)
        robot.start('agent', bundle=bundle, plan=False, **common)
        robot.start('sim_robot', contract=path, speed=2.0)
        robot.until_recorder_hears()
        robot.until_recorder_hears_the_agent()
        robot.activate()

    def acts(self) -> str:
        """The uuid of an acting episode that was announced last, once it has some ticks."""
        robot = self.robot

        def ready() -> str:
            if not robot.announced:
                return ''
            newest = robot.announced[-1]
            heard = sum(t.episode == newest['uuid'] for t in robot.ticks)
            enough = newest['acting'] and heard >= TICKS and robot.records(newest['uuid'])
            return newest['uuid'] if enough else ''

        return robot.until(ready, 'ticks of an acting and recorded episode')

    def sealed(self, uuid: str) -> Path:
        """Its recording, once it is sealed."""
        folder = self.directory / uuid
        self.robot.until(folder.is_dir, 'the sealed episode')
        return folder

    def interrupt(self, *names: str) -> None:
        """SIGINT to these in this order, as fast as a shell does it, and their end."""
        processes = [self.robot.processes[name] for name in names]
        for process in processes:
            process.send_signal(signal.SIGINT)
        self.robot.until(lambda: all(p.poll() is not None for p in processes), 'the end')
        assert [process.returncode for process in processes] == [0] * len(names)


@pytest.fixture
def operated(tmp_path, domain):
    operated = Operated(tmp_path, domain)
    with operated.robot:
        yield operated


def assert_whole(folder: Path, reason: str = '') -> None:
    assert check_episode(folder, rebuilt=True) == []
    reader = EpisodeReader(folder)
    assert (reader.end.status, reader.end.reason) == ('whole', reason)
    if not reason:
        last = read_ticks(reader)[-1]
        assert last.last and last.truncated and not last.terminal


def test_life_cycle_and_ctrl_c_of_everything_leave_whole_episodes(operated):
    robot = operated.robot
    first = operated.acts()
    assert robot.change_state(Transition.TRANSITION_DEACTIVATE)
    assert_whole(operated.sealed(first))

    robot.activate()
    second = operated.acts()
    assert robot.change_state(Transition.TRANSITION_DEACTIVATE)
    robot.until(lambda: not robot.announced[-1]['acting'], 'a shadow')
    shadow = robot.announced[-1]['uuid']
    robot.until(lambda: sum(t.episode == shadow for t in robot.ticks) >= TICKS, 'its ticks')
    assert robot.change_state(
        Transition.TRANSITION_CLEANUP
    )  # no clock reaches the agent meanwhile
    assert_whole(operated.sealed(second))
    assert_whole(operated.sealed(shadow))

    assert robot.change_state(Transition.TRANSITION_CONFIGURE)
    robot.until_recorder_hears_the_agent()  # its topics are new ones
    robot.activate()
    third = operated.acts()
    operated.interrupt('sim_robot', 'agent', 'recorder', 'guard')  # the clock ends first
    assert_whole(operated.directory / third)
    assert not list(operated.directory.glob('*.active'))


def test_ctrl_c_that_reaches_the_recorder_first_and_alone_leaves_whole_episodes(operated):
    robot = operated.robot
    first = operated.acts()
    operated.interrupt('recorder')
    assert_whole(operated.directory / first, RECORDER_STOPPED)

    robot.values.clear()
    path = robot.folder / 'counter.yaml'
    robot.start('recorder', directory=operated.directory, contract=path, use_sim_time=True)
    robot.until(lambda: robot.values.get('/recorder', {}).get('silent') == '', 'all topics')
    assert robot.call('agent/start_episode').success
    robot.until(lambda: robot.announced[-1]['uuid'] != first, 'another episode')
    second = operated.acts()
    operated.interrupt('recorder', 'agent', 'sim_robot', 'guard')
    assert_whole(operated.directory / second)
    assert len(list_episodes(operated.directory, active=True)) == len(
        list_episodes(operated.directory)
    )
