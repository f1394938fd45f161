# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `demonstrate` starts, and when enough is recorded."""

from __future__ import annotations

import time

import pytest
from typer.testing import CliRunner

pytest.importorskip('mujoco')

from world_model_ros.cli.main import app
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.deploy.nodes_table import AGENT, RECORDER, SIM_ROBOT
from world_model_ros.telemetry import demonstration
from world_model_ros.telemetry.demonstration import Enough, demonstration_settings
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView

ARM = load_contract(find_robot('arm'))


def view_of(**recorder) -> RobotView:
    view = RobotView()
    view.hear('recorder', NodeStatus(0, 'recording', recorder))
    return view


def test_the_simulator_is_driven_and_the_agent_has_no_model(tmp_path):
    settings = demonstration_settings(
        ARM, find_robot('arm'), 3, tmp_path / 'out', tmp_path, seed=7, reality='payload_arm'
    )
    simulator, agent = settings.parameters(SIM_ROBOT), settings.parameters(AGENT)
    assert (simulator['demonstrate'], simulator['seed']) == (3, 7)
    assert simulator['reality'] == 'payload_arm'
    assert simulator['tick_source'] == agent['tick_source'] == 'lockstep'
    assert agent['explore'] and agent['autostart'] and 'bundle' not in agent
    assert settings.parameters(RECORDER)['directory'] == str(tmp_path / 'out')
    assert 'store' not in settings.parameters(RECORDER)
    settings = demonstration_settings(
        ARM, find_robot('arm'), 1, tmp_path, tmp_path, real_time=True
    )
    assert 'tick_source' not in settings.parameters(SIM_ROBOT)


def test_it_ends_when_the_last_episode_is_sealed():
    enough = Enough(2)
    assert not enough(view_of(episodes='1'))
    assert enough(view_of(episodes='2'))


def test_it_ends_also_where_the_recorder_seals_no_more(monkeypatch):
    enough, view, now = Enough(2), view_of(episodes='1'), time.monotonic()
    monkeypatch.setattr(demonstration.time, 'monotonic', lambda: now)

    def agent(phase, ticks):
        view.hear('agent', NodeStatus(1, phase, {'phase': phase, 'ticks': str(ticks)}))
        return enough(view)

    def later():
        nonlocal now
        now += demonstration.SEALED_SEC + 1.0

    assert not agent('waiting_for_reset', 0)  # at the beginning: it may take long
    later()
    assert not agent('waiting_for_reset', 0) and not agent('running', 50)
    later()
    assert not agent('waiting_for_reset', 90)  # between two episodes
    later()
    assert agent('waiting_for_reset', 90)


@pytest.mark.parametrize(
    ('words', 'status', 'said'),
    [
        (['cartpole'], 1, 'has no scripted controller'),
        (['unfriendly_arm'], 1, 'body'),
        (['arm', '--reality', 'no_such'], 1, 'no_such'),
        (['arm', '--out', __file__], 2, 'is a file'),
        (['arm', '--episodes', '0'], 2, '--episodes'),
    ],
)
def test_what_cannot_work_is_said_before_anything_runs(words, status, said):
    done = CliRunner(env={'COLUMNS': '400'}).invoke(app, ['demonstrate', *words])
    assert done.exit_code == status and said in ' '.join(done.output.split())
