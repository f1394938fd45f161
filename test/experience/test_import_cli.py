# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`episodes import`: what it says of each recording, and how it ends."""

from __future__ import annotations

import json

import foreign_data as foreign
from test_import_bags import COMMAND, FIXTURES, bag, without
from typer.testing import CliRunner

from world_model_ros.cli.main import app

CONTRACT = str(FIXTURES / 'import_contract/pusher.yaml')


def run(*words):
    return CliRunner().invoke(app, ['episodes', 'import', *map(str, words)])


def test_each_episode_is_a_line_and_then_the_sum(tmp_path):
    bags = [FIXTURES / 'import_rosbag2_mcap', FIXTURES / 'import_rosbag2_sqlite']
    done = run(*bags, '--contract', CONTRACT, '--out', tmp_path / 'out', '--robot-id', 'r7')
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert all(line.endswith('8 ticks, actions recorded') for line in lines[:2])
    assert lines[2] == f'{tmp_path / "out"}: 2 episodes, 16 ticks'
    again = run(bags[0], '--contract', CONTRACT, '--out', tmp_path / 'out', '--robot-id', 'r7')
    assert again.exit_code == 0 and 'there already' in again.output


def test_a_recording_that_cannot_be_used_keeps_no_other_from_being_imported(tmp_path):
    (tmp_path / 'bags').mkdir()
    foreign.write_bag(tmp_path / 'bags/a', foreign.bag_messages(5))
    (tmp_path / 'bags/b').mkdir()
    (tmp_path / 'bags/b/b.mcap').write_text('no bag')
    out = tmp_path / 'out'
    done = run(tmp_path / 'bags', '--contract', CONTRACT, '--out', out, '--json')
    assert done.exit_code == 1
    said = json.loads(next(line for line in done.output.splitlines() if line.startswith('{')))
    assert [row['ticks'] for row in said['episodes']] == [5]
    assert list(said['refused']) == [str(tmp_path / 'bags/b')]
    assert 'expected an MCAP file' in done.output


def test_actions_outside_of_the_contract_and_invalid_ticks_are_counted(tmp_path):
    messages = without(foreign.bag_messages(20), COMMAND)
    for k in range(20):
        stamp = foreign.T0_NS + k * foreign.PERIOD_NS + 12_000_000
        said = foreign.joint_state(stamp, foreign.JOINTS, (1.5 if k < 3 else 0.5, 0.0))
        messages.append((COMMAND, 'sensor_msgs/msg/JointState', stamp, said))
    messages = [m for n, m in enumerate(messages) if not (20 <= n < 32 and 'camera' in m[0])]
    messages.sort(key=lambda message: message[2])
    done = run(bag(tmp_path, messages), '--contract', CONTRACT, '--out', tmp_path / 'out')
    assert done.exit_code == 0
    assert '3 actions outside of low and high' in done.output
    assert "invalid (stream 'camera': expected a message not older than 0.12 s" in done.output


def test_wrong_arguments_are_one_line(tmp_path):
    source = FIXTURES / 'import_rosbag2_mcap'
    wrong = tmp_path / 'map.yaml'
    wrong.write_text('streams: {camra: /a}')
    for words, said in (
        (['--robot-id', 'a/b'], '--robot-id'),
        (['--map', wrong], "no key 'camra'; there may be camera, joints"),
        (['--map', tmp_path / 'none.yaml'], 'none.yaml'),
    ):
        done = run(source, '--contract', CONTRACT, '--out', tmp_path / 'out', *words)
        assert done.exit_code == 1 and said in done.output and len(done.output.splitlines()) == 1
    assert not (tmp_path / 'out').exists()
