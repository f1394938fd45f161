# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes begun, marked and ended by service, through the real nodes into sealed recordings."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import robot_processes

from world_model_ros.contract import load_contract
from world_model_ros.experience import EpisodeReader, list_episodes, to_arrays
from world_model_ros.experience.read.rebuild import read_ticks
from world_model_ros.wire.cdr import decode

pytestmark = pytest.mark.ros
STRING = 'std_msgs/msg/String'


class Session:
    """The counter robot with recorder and agent, its services at hand."""

    def __init__(self, folder, domain, rules):
        self.folder, self.directory = folder, folder / 'episodes'
        self.path = robot_processes.counter_contract(folder, rules)
        self.bundle = robot_processes.tiny_bundle(folder, load_contract(self.path))
        self.robot = robot_processes.Robot(domain, folder)

    def __enter__(self):
        robot, common = self.robot, {'contract': self.path, 'use_sim_time': True}
        robot.listen()
        robot.start('recorder', directory=self.directory, **common)
        robot.start('guard', **common)
        robot.start('agent', robot_id='r', bundle=self.bundle, plan=False, **common)
        robot.start('sim_robot', contract=self.path, speed=2.0)
        robot.until_recorder_hears()
        robot.activate()
        robot.until(lambda: robot.sent, 'the guard')
        return self

    def __exit__(self, *error):
        self.robot.__exit__(*error)

    def call(self, name):
        answer = self.robot.call(f'agent/{name}')
        return answer.success, answer.message

    def ticks_of(self, uuid):
        return [t for t in self.robot.ticks if t.episode == uuid]

    def new_episode(self, *before):
        """The uuid of the acting episode that comes after these, once it has moved the robot."""
        return self.robot.until(
            lambda: next(
                (
                    t.episode
                    for t in reversed(self.robot.ticks)
                    if t.episode in self.robot.acting and t.episode not in before and t.tick >= 15
                ),
                None,
            ),
            'another acting episode',
        )

    def announced(self):
        """What was announced of acting episodes; the one in shadow comes before them."""
        return [episode for episode in self.robot.announced if episode['acting']]

    def ended(self, uuid):
        """The last tick of an episode, once it is heard."""
        return self.robot.until(
            lambda: next((t for t in self.ticks_of(uuid) if t.last), None), f'the end of {uuid}'
        )

    def rests(self):
        """While the guard sends 30 more samples: no tick, and the safe action only."""
        robot = self.robot
        robot.until(lambda: 'held: nothing moves' in robot.status('/agent')[1], 'held')
        robot.until(lambda: robot.sent[-1][1] == 'safe', 'safe action')
        ticks, sent = len(robot.ticks), len(robot.sent)
        robot.until(lambda: len(robot.sent) >= sent + 30, 'samples')
        assert len(robot.ticks) == ticks
        assert {source for _, source, _ in robot.sent[sent:]} == {'safe'}

    def close(self):
        """End all in an orderly way; the acting episodes by uuid, each sealed and found whole."""
        for name in ('agent', 'guard', 'sim_robot'):
            assert self.robot.end(name) == 0
        assert self.robot.end('recorder') == 0
        folders = {
            EpisodeReader(folder).info.uuid: folder
            for folder in list_episodes(self.directory, active=True)
        }
        # In shadow from the start: the recorder may have come after the first messages.
        folders = {uuid: folder for uuid, folder in folders.items() if uuid in self.robot.acting}
        command = [sys.executable, '-m', 'world_model_ros.cli.main', 'episodes', 'check']
        checked = subprocess.run(
            [*command, '--rebuild', *map(str, folders.values())],
            env={**os.environ, 'COLUMNS': '200'},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        return folders


def assert_one_whole_episode(ticks, folder):
    """Flags at both ends and nowhere else, numbers without a hole; the bag holds the same."""
    assert [t.tick for t in ticks if t.first] == [0] and ticks[0].first
    assert [t.tick for t in ticks if t.last] == [ticks[-1].tick]
    assert [t.tick for t in ticks if t.truncated] == [ticks[-1].tick]
    assert not any(t.terminal for t in ticks)
    reader = EpisodeReader(folder)
    assert reader.end.status == 'whole'
    assert [t.tick for t in read_ticks(reader)] == [t.tick for t in ticks]


def test_manual_robot_rests_until_it_is_started_and_again_after_the_end(tmp_path, domain):
    with Session(tmp_path, domain, '{reset: manual}') as session:
        robot = session.robot
        session.rests()
        assert session.call('mark') == (False, 'no episode to mark')
        assert session.call('start_episode')[0]
        first = session.new_episode()
        for marks in (1, 2):
            assert session.call('mark')[0]
            robot.until(lambda marks=marks: len(session.announced()) > marks, 'the mark')
        assert session.call('end_episode')[0]
        session.ended(first)
        session.rests()
        assert session.call('mark') == (False, 'no episode to mark')
        assert session.call('start_episode')[0]
        second = session.new_episode(first)
        assert session.call('end_episode')[0]
        session.ended(second)
        session.rests()
        folders = session.close()
        announced = session.announced()
        assert [len(e['marks']) for e in announced] == [0, 1, 2, 0]
        assert [e['uuid'] for e in announced] == [first] * 3 + [second]
        assert set(folders) == {first, second}
        for uuid, folder in folders.items():
            assert_one_whole_episode(session.ticks_of(uuid), folder)
        # Nobody resets this robot: it goes on counting where it was.
        assert to_arrays(folders[first])['obs_joints'][-1, 0] > 0
        assert (
            to_arrays(folders[second])['obs_joints'][0, 0]
            > to_arrays(folders[first])['obs_joints'][-1, 0]
        )
        bag = EpisodeReader(folders[first])
        said = [
            json.loads(decode(STRING, message.data).data)
            for message in bag.messages({bag.topic('episode')})
        ]
        assert {about['uuid'] for about in said} == {first}
        assert said[-1]['marks'] == announced[2]['marks']


def test_manual_robot_is_started_again_while_an_episode_runs(tmp_path, domain):
    with Session(tmp_path, domain, '{reset: manual}') as session:
        assert session.call('start_episode')[0]
        first = session.new_episode()
        assert session.call('start_episode')[0]
        assert session.ended(first).truncated
        second = session.new_episode(first)
        assert session.call('end_episode')[0]
        session.ended(second)
        session.rests()


def test_robot_with_a_reset_service_is_reset_for_every_episode(tmp_path, domain):
    with Session(tmp_path, domain, '{reset: service}') as session:
        robot = session.robot
        first = session.new_episode()
        assert session.call('start_episode')[0]  # ends the one that runs
        assert session.ended(first).truncated
        second = session.new_episode(first)
        assert session.call('end_episode')[0]
        session.ended(second)
        session.rests()
        assert session.call('start_episode')[0]
        third = session.new_episode(first, second)
        folders = session.close()
        uuids = [first, second, third]
        acting = [e['uuid'] for e in robot.announced if e['acting']]
        assert acting == uuids
        assert set(folders) == set(uuids)
        for uuid in uuids:
            assert_one_whole_episode(session.ticks_of(uuid), folders[uuid])
            arrays = to_arrays(folders[uuid])
            # Reset puts the counter to 0; without one it would go on from here.
            assert arrays['obs_joints'][0, 0] < 15 <= arrays['obs_joints'][-1, 0]
