# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Requests, addresses, ports, labels and figures of the view: what comes in is checked."""

from __future__ import annotations

import json
import os
import shlex
import socket
import stat
from dataclasses import replace

import counter
import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from world_model_ros.bench.view_cost import figures_of
from world_model_ros.bench.view_drawn import GOALS, figures_of_drawn
from world_model_ros.cli import bench_view
from world_model_ros.cli.view import view_command
from world_model_ros.contract import load_contract
from world_model_ros.experience.read.labels import read_label
from world_model_ros.onboard.guard.guard_status import GuardState, GuardStatus
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView
from world_model_ros.view.about import about_robot
from world_model_ros.view.access import Access, new_token
from world_model_ros.view.address import address_of, leave_address
from world_model_ros.view.driving import CannotDrive, Driving
from world_model_ros.view.marks import marks_of
from world_model_ros.view.outcomes import Outcomes
from world_model_ros.view.port import PortError, listening_socket
from world_model_ros.view.state import state_of
from world_model_ros.view.step_inside import inside_line, inside_now
from world_model_ros.view.update import plain
from world_model_ros.view.view_request import MAX_REQUEST, read_request

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_any_message_is_a_request_or_refused(message):
    try:
        request = read_request(message)
    except ValueError:
        return
    assert request.kind in ('token', 'do', 'drive', 'show')


@given(st.sampled_from(['token', 'do', 'drive', 'show']), JSON)
def test_any_value_of_a_request_fits_or_is_refused(kind, value):
    try:
        request = read_request(json.dumps({kind: value}))
    except ValueError:
        return
    if kind == 'drive':
        assert all(-1.0 <= item <= 1.0 for item in request.value)
    elif kind == 'show':
        assert 0 <= request.value < 1 << 31
    else:
        assert isinstance(request.value, str)


def test_requests_have_a_size():
    read_request(json.dumps({'do': 'stop'}))
    with pytest.raises(ValueError, match='at most'):
        read_request(json.dumps({'do': 'x' * MAX_REQUEST}))


def test_names_under_which_we_are_reached():
    own = Access('127.0.0.1', 8642, 'x')
    assert own.host_fits('127.0.0.1:8642') and own.host_fits('LOCALHOST:8642')
    assert not own.host_fits('127.0.0.1:80') and not own.host_fits('evil.example:8642')
    assert not own.host_fits('') and not own.host_fits(f'{socket.gethostname()}:8642')
    assert own.origin_fits(None) and own.origin_fits('http://[::1]:8642')
    assert not own.origin_fits('https://localhost:8642') and not own.origin_fits('null')
    everywhere = Access('0.0.0.0', 80, 'x')
    assert everywhere.host_fits(socket.gethostname()) and everywhere.host_fits('127.0.0.1:80')
    assert Access('192.0.2.7', 8642, 'x').host_fits('192.0.2.7:8642')


@given(st.text() | st.none() | st.integers())
def test_no_other_token_fits(given_token):
    token = new_token()
    access = Access('127.0.0.1', 1, token)
    assert access.token_fits(token)
    assert access.token_fits(given_token) is (given_token == token)


def test_a_port_in_use_names_who_holds_it():
    with listening_socket('127.0.0.1', 0) as held:
        port = held.getsockname()[1]
        with pytest.raises(PortError, match=f'port {port} .* held by process {os.getpid()} '):
            listening_socket('127.0.0.1', port)
    listening_socket('127.0.0.1', port).close()  # free again at once
    with pytest.raises(PortError, match=r'192\.0\.2\.1 .*expected an address of this machine'):
        listening_socket('192.0.2.1', 0)


def test_the_token_stands_behind_the_hash_and_in_a_file_of_ones_own(tmp_path):
    assert address_of('0.0.0.0', 1) == 'http://127.0.0.1:1/'
    assert address_of('::1', 1, 'x') == 'http://127.0.0.1:1/#token=x'
    assert address_of('fe80::1', 1) == 'http://[fe80::1]:1/'
    path = leave_address('http://a/#token=x', str(tmp_path / 'deep' / 'file'), 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == 'http://a/#token=x\n'
    assert list(path.parent.iterdir()) == [path]


def test_an_outcome_is_written_once_the_recorder_has_sealed_the_episode(tmp_path):
    outcomes, episode = Outcomes(), tmp_path / counter.UUID
    outcomes.note(counter.UUID, 'failure')
    outcomes.note(counter.UUID, 'success')
    assert outcomes.sealed(str(tmp_path / 'another')) == ''
    assert outcomes.sealed(str(episode)) == '' and 'episodes label' in outcomes.problem
    episode.mkdir()
    assert outcomes.sealed(str(episode)) == ''  # said once
    outcomes.note(counter.UUID, 'success')
    assert 'success' in outcomes.sealed(str(episode)) and outcomes.problem == ''
    label = read_label(episode)
    assert (label.episode, label.outcome) == (counter.UUID, 'success')


def test_what_is_not_finite_is_none():
    row = {'a': np.float32('nan'), 'b': [np.inf, 1.23456789], 'c': np.arange(2), 'd': True}
    assert plain(row) == {'a': None, 'b': [None, 1.2346], 'c': [0, 1], 'd': True}


def test_limits_of_positions_stand_at_their_curves():
    arm = about_robot(load_contract('unfriendly_arm'), 'live')
    curves = [row for stream in arm['vectors'] for row in stream['curves']]
    assert any(row['low'] is not None for row in curves if row['label'].startswith('position'))
    assert all(row['low'] is None for row in curves if row['label'].startswith('velocity'))
    reacher = about_robot(load_contract('reacher'), 'live')
    assert [row['label'] for row in reacher['actions']] == ['effort shoulder', 'effort wrist']
    json.dumps(reacher, allow_nan=False)


def test_the_state_says_why_a_guard_sends_nothing():
    view = RobotView()
    view.hear('agent', NodeStatus(2, 'shadow: no guard', {'role': 'shadow', 'tick_ms.p99': '9'}))
    silent = state_of(view, None, {})
    assert silent['guard']['text'] == 'silent' and silent['tick_ms']['p99'] == 9.0
    assert [fault['who'] for fault in silent['faults']] == ['agent']
    status = GuardStatus(GuardState.INACTIVE, '', 'a person', True, '', '', '', '', '')
    assert state_of(view, status, {})['guard']['text'] == 'stopped: a person'
    json.dumps(plain(silent), allow_nan=False)


def test_the_curves_get_the_knock_and_the_marks_of_the_episode():
    view = RobotView()
    values = {'changed_ns': '30000000000', 'reality': 'shifted_reacher'}
    view.hear('sim_robot', NodeStatus(0, '', values))
    marks = plain(state_of(view, None, {'marks': [31_500_000_000, 2_000_000, True, 'x', -1]}))
    assert marks['marks'] == [
        {'t_ms': 2, 'words': 'mark', 'knock': False},
        {'t_ms': 30_000, 'words': 'knocked: shifted_reacher', 'knock': True},
        {'t_ms': 31_500, 'words': 'mark', 'knock': False},
    ]


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_line_to_be_pasted_is_one_command_whatever_a_topic_names(folder, bundle):
    release = {'acting': {'bundle': bundle}}
    line = inside_now(f'/{folder}/episode', release)
    words = shlex.split(line)
    if not line:
        assert not f'{folder}{bundle}'.isprintable()
        return
    assert words[:3] == ['world-model', 'imagine', '--from'] and '\n' not in line
    assert words[4:] == (['--bundle', bundle] if bundle else [])


def test_nothing_can_be_stepped_into_before_something_is_recorded():
    assert inside_now('', {}) == inside_line('') == inside_line('-x') == ''
    assert inside_line('/a b@3') == "world-model imagine --from '/a b@3'"
    assert inside_now('/e/reacher/uuid', {'acting': None}) == (
        'world-model imagine --from /e/reacher'
    )
    assert inside_line('/' + 'x' * 5000) == ''


@given(JSON)
def test_marks_that_are_none_are_left_out(marks):
    found = marks_of(RobotView(), {'marks': marks})
    assert all(isinstance(row['t_ms'], int) for row in found)


def guard_status(**changes):
    status = GuardStatus(GuardState.ACTIVE, 'chunk', '', True, '', '', '', '', '')
    return replace(status, **changes)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=2))
def test_a_direction_pushes_within_the_limits(directions):
    contract = load_contract('reacher')
    values = Driving(contract, dict).command(directions, guard_status(), 0.0)
    assert np.all(np.abs(values) <= 0.5 * contract.limit_high + 1e-9)
    assert np.array_equal(np.sign(values), np.sign(directions)) or np.any(values == 0.0)
    narrow = guard_status(low=(-0.01, -0.01), high=(0.001, 0.001))
    values = Driving(contract, dict).command(directions, narrow, 0.0)
    assert np.all(values <= 0.001) and np.all(values >= -0.01)


def test_a_joint_that_takes_positions_moves_on_from_where_it_is():
    contract = load_contract('unfriendly_arm')
    names, count = contract.action.names, contract.action_dim
    held = np.asarray(contract.action.positions)
    at = dict.fromkeys(names, 0.1)
    driving, status = Driving(contract, lambda: at), guard_status()
    ahead = [1.0] * count
    begun = driving.command(ahead, status, 10.0)
    assert begun[held] == pytest.approx(0.1)  # the first direction has no duration yet
    moved = driving.command(ahead, status, 10.1)
    step = 0.5 * 0.1 * np.asarray(contract.action.rate_limit)
    assert moved[held] == pytest.approx((0.1 + step)[held])
    far = [driving.command(ahead, status, 10.1 + 0.1 * i) for i in range(2000)][-1]
    assert np.all(far[held] <= contract.limit_high[held] + 1e-6)
    at.update(dict.fromkeys(names, 0.0))
    assert driving.command(ahead, status, 1e6)[held] == pytest.approx(0.0)  # after a pause
    driving.let_go()
    at.clear()
    with pytest.raises(CannotDrive, match='no message says'):
        driving.command(ahead, status, 1e6 + 0.01)


@pytest.mark.parametrize(
    ('status', 'directions', 'words'),
    [
        (None, [0, 0], 'silent'),
        (guard_status(stop_reason='a person'), [0, 0], 'stopped: a person'),
        (guard_status(state=GuardState.INACTIVE), [0, 0], 'inactive'),
        (guard_status(), [0], 'expected 2 directions, got 1'),
    ],
)
def test_why_nothing_would_move(status, directions, words):
    with pytest.raises(CannotDrive, match=words):
        Driving(load_contract('reacher'), dict).command(directions, status, 0.0)


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ([], 'name the robot that runs'),
        (['reacher', '--episode', 'x'], 'name the robot that runs'),
        (['nosuch'], 'nosuch'),
        (['--episode', 'nosuch'], 'nosuch'),
        (['reacher', '--host', '192.0.2.1'], 'expected an address of this machine'),
        (['reacher@a', 'cartpole@/a/'], 'a is named twice'),
        (['reacher', 'cartpole'], 'no namespace is named twice'),
        (['reacher@a b'], 'expected a namespace'),
        (['reacher@a', 'nosuch@b'], 'nosuch'),
        (['reacher', 'cartpole', '--namespace', 'x'], 'is of one robot'),
    ],
)
def test_the_verb_refuses_what_it_cannot_show(line, words, monkeypatch):
    pytest.importorskip('uvicorn', reason='the page is in the extra "view"')
    monkeypatch.setenv('COLUMNS', '200')
    app = typer.Typer()
    app.command()(view_command)
    done = CliRunner().invoke(app, line)
    assert done.exit_code != 0
    assert words in f'{done.output}{done.exception}'


def test_figures_of_the_bench_are_the_difference_of_two_halves():
    alone, watched = [-0.03] * 99 + [0.001], [-0.03] * 99 + [0.0015]
    figures = figures_of({False: alone, True: watched}, [0.05] * 9 + [0.1])
    assert figures['late'] == {'alone': 1, 'watched': 1}
    assert 0.0 <= figures['tick_p99_more_ms'] < 0.5
    assert figures['arrival_p50_ms'] == 50.0
    assert 'tick_p99_more_ms' not in figures_of({False: [], True: []}, [])


def test_figures_of_what_was_drawn():
    assert figures_of_drawn([]) == {'drawn': 0, 'goals': GOALS}
    figures = figures_of_drawn([0.05] * 9 + [0.1])
    assert (figures['drawn'], figures['drawn_p50_ms'], figures['drawn_p99_ms']) == (10, 50.0, 95.5)


def test_a_browser_that_is_not_there_is_named_in_one_line(monkeypatch, tmp_path):
    pytest.importorskip('uvicorn', reason='the page is in the extra "view"')
    pytest.importorskip('selenium', reason='selenium is in the extra "test"')
    monkeypatch.setenv('PATH', str(tmp_path))
    app = typer.Typer()
    app.command()(bench_view.view_command)
    done = CliRunner().invoke(app, ['--browser'])
    assert done.exit_code == 1
    assert 'no chromium and no chromedriver on this machine' in done.output
