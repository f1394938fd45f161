# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `demo` runs, without ROS and without processes: when it ends, and what it then says."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.telemetry.demo_run import default_reality, demo_settings, run
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView
from world_model_ros.view.demo_page import DemoPage

ROBOT = find_robot('reacher')
SHOWN = 3


class Processes:
    """In the supervisor's place: one process ends after some looks."""

    def __init__(self, name, looks):
        self.started, self.stopped, self.looks = [], 0, looks
        self.child = SimpleNamespace(
            name=name, ending='ended with 1', last_lines=lambda: ['words'], died=True, begun_s=0.0
        )

    @property
    def children(self):
        return []

    def start_module(self, name, _line):
        self.started.append(name)

    def start(self, entries, _settings):
        self.started += [entry.executable for entry in entries]

    def died(self):
        self.looks -= 1
        return [self.child] if self.looks < 0 else []

    def stop(self):
        self.stopped += 1


class Ears:
    def __init__(self):
        self.view, self.closed = RobotView(), False
        self.view.hear('agent', NodeStatus(0, 'active', {'ticks': '7', 'late_ticks': '2'}))

    def close(self):
        self.closed = True


def ran(processes, tmp_path, show, page=()):
    contract, ears = load_contract(ROBOT), Ears()
    settings = demo_settings(contract, ROBOT, None, tmp_path, tmp_path, None)
    stop = SimpleNamespace(asked=threading.Event())

    def look(view, running_s):
        assert view is ears.view and running_s >= 0.0
        show(stop)

    figures = run(contract, settings, processes, stop, 0.0, None, lambda: ears, look, page=page)
    assert ears.closed and processes.stopped
    return figures


def test_a_robot_that_dies_ends_it_and_is_named(tmp_path):
    processes = Processes('agent', 0)
    figures = ran(processes, tmp_path, lambda stop: None)
    assert {'agent', 'guard', 'recorder', 'sim_robot'} == set(processes.started)
    assert figures['died'] == {'agent': ['ended with 1', 'words']}
    assert (figures['ticks'], figures['late_ticks']) == (7, 2)


def test_without_its_updater_the_robot_runs_on_until_it_is_stopped(tmp_path):
    shown = []

    def show(stop):
        shown.append(1)
        if len(shown) == SHOWN:
            stop.asked.set()

    figures = ran(Processes('updater', 0), tmp_path, show)
    assert len(shown) == SHOWN and set(figures['died']) == {'updater'}


def test_everything_ends_where_showing_fails(tmp_path):
    processes = Processes('agent', 1000)

    def show(_stop):
        raise OSError('no terminal')

    with pytest.raises(OSError, match='no terminal'):
        ran(processes, tmp_path, show)
    assert processes.stopped


def test_only_a_robot_that_learns_is_changed_by_default():
    assert default_reality('reacher', learns=True) == 'shifted_reacher'
    assert default_reality('reacher', learns=False) == 'nominal'
    assert default_reality('counter', learns=True) == 'nominal'


def test_the_page_is_served_beside_the_robot_and_its_address_said_once(tmp_path):
    page, processes = DemoPage(ROBOT, tmp_path), Processes('dashboard', 0)
    ran(processes, tmp_path, lambda stop: stop.asked.set(), page.line)
    assert processes.started[-1] == 'dashboard'
    settings = yaml.safe_load((tmp_path / 'dashboard.yaml').read_text())['/**']['ros__parameters']
    assert settings['contract'] == str(ROBOT)
    assert page.news() == ''
    Path(settings['address_file']).write_text('http://127.0.0.1:8642/#token=x\n')
    assert page.news() == 'In the browser: http://127.0.0.1:8642/#token=x'
    assert page.news() == ''
