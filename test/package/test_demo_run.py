# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `demo` runs, without ROS and without processes: when it ends, and what it then says."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.deploy.nodes_table import Settings
from world_model_ros.telemetry.demo_run import (
    KNOCK_AFTER_SEC,
    default_reality,
    demo_settings,
    knock_after,
    run,
)
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

    def start(self, entries, settings):
        self.started += [entry.executable for entry in entries if settings.starts(entry)]

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


def ran(processes, tmp_path, show, changed=lambda settings: settings):
    contract, ears = load_contract(ROBOT), Ears()
    settings = changed(demo_settings(contract, ROBOT, None, tmp_path, tmp_path, None))
    stop = SimpleNamespace(asked=threading.Event())

    def look(view, running_s):
        assert view is ears.view and running_s >= 0.0
        show(stop, ears.view)

    figures = run(contract, settings, processes, stop, 0.0, None, lambda: ears, look)
    assert ears.closed and processes.stopped
    return figures


def test_a_robot_that_dies_ends_it_and_is_named(tmp_path):
    processes = Processes('agent', 0)
    figures = ran(processes, tmp_path, lambda stop, view: None)
    assert {'agent', 'guard', 'recorder', 'sim_robot'} == set(processes.started)
    assert figures['died'] == {'agent': ['ended with 1', 'words']}
    assert (figures['ticks'], figures['late_ticks']) == (7, 2)


def test_without_its_updater_the_robot_runs_on_until_it_is_stopped(tmp_path):
    shown = []

    def show(stop, _view):
        shown.append(1)
        if len(shown) == SHOWN:
            stop.asked.set()

    figures = ran(Processes('updater', 0), tmp_path, show)
    assert len(shown) == SHOWN and set(figures['died']) == {'updater'}


def test_everything_ends_where_showing_fails(tmp_path):
    processes = Processes('agent', 1000)

    def show(_stop, _view):
        raise OSError('no terminal')

    with pytest.raises(OSError, match='no terminal'):
        ran(processes, tmp_path, show)
    assert processes.stopped


def test_only_a_robot_that_learns_is_changed_by_default():
    assert default_reality('reacher', learns=True) == 'shifted_reacher'
    assert default_reality('reacher', learns=False) == 'nominal'
    assert default_reality('counter', learns=True) == 'nominal'


def test_the_page_is_served_beside_the_robot_and_its_address_said_once(tmp_path):
    page, processes = DemoPage(tmp_path), Processes('dashboard', 0)
    ran(processes, tmp_path, lambda stop, _: stop.asked.set(), page.added_to)
    assert processes.started[-1] == 'dashboard'
    assert page.news() == ''
    file = page.added_to(Settings('reacher', 'r')).address_file
    Path(file).write_text('http://127.0.0.1:8642/#token=x\n')
    assert page.news() == 'In the browser: http://127.0.0.1:8642/#token=x'
    assert page.news() == ''


def test_a_robot_that_is_knocked_records_and_learns_from_then_on(tmp_path):
    """What it recorded before would be no record of the changed robot."""
    processes, shown = Processes('agent', 1000), []

    def show(stop, view):
        shown.append(list(processes.started))
        if len(shown) == 2:  # the simulator says that it is another robot
            values = {'changed_ns': '5000000000', 'reality': 'shifted_reacher'}
            view.hear('sim_robot', NodeStatus(0, 'commanded', values))
        if len(shown) == SHOWN:
            stop.asked.set()

    figures = ran(processes, tmp_path, show, lambda s: replace(s, reality_after=2.0))
    assert set(shown[0]) == set(shown[1]) == {'agent', 'guard', 'sim_robot'}
    assert shown[2][-1] == 'recorder' and figures['knocked_ns'] == 5_000_000_000


def test_only_who_begins_to_learn_and_is_watched_is_knocked_by_default():
    fresh, resumed = SimpleNamespace(resumed=False), SimpleNamespace(resumed=True)
    assert knock_after(None, 'shifted_reacher', fresh, watched=True) == KNOCK_AFTER_SEC
    for changed in ({'watched': False}, {'loop': resumed}, {'loop': None}, {'reality': 'nominal'}):
        given = {'reality': 'shifted_reacher', 'loop': fresh, 'watched': True} | changed
        assert knock_after(None, **given) == 0.0
    assert knock_after(5.0, 'nominal', None, watched=False) == 5.0
