# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the live view says of the learning half."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip('rich')
pytest.importorskip('rclpy')
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.deploy.supervisor import Child
from world_model_ros.telemetry.learning_loop import LearningLoop, folders, prepare
from world_model_ros.telemetry.present_faults import (
    NODE_SILENT_SEC,
    SILENT_SEC,
    Fault,
    find_faults,
)
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView, Score
from world_model_ros.telemetry.terminal import gate_line, history, release_line, trainer_line


def test_history_marks_where_the_release_changed():
    scores = [Score(0.0, value, release, True) for value, release in ((1, 0), (2, 0), (4, 3))]
    bars, marks = history(scores)
    assert bars[:3] == '▂▄█' and bars.endswith('highest 4')
    assert marks == '^0^3'


def test_release_line_tells_what_acts_what_comes_and_what_was_undone():
    assert 'exploring' in release_line({'acting': None}, 0)
    told = {
        'acting': {'bundle_sha': 'a', 'release': 2, 'bundle': '/slots/a'},
        'candidate': {'release': 3, 'state': 'refused', 'reason': 'weights.bin differs'},
        'rolled_back': {'reason': 'policy is not finite'},
    }
    line = release_line(told, 3)
    for part in ('3 published', 'active: 2', '3 refused (weights.bin differs)', 'not finite'):
        assert part in line
    begun = {'acting': {'bundle_sha': 'a', 'release': 0, 'bundle': '/b'}}
    assert 'the bundle it began with' in release_line(begun, 0)


def test_trainer_and_gate_lines():
    line = trainer_line(
        {
            'updates': 50,
            'updates_allowed': 200,
            'episodes': {'ingested': 4, 'held_out': 1, 'refused': 2},
            'ticks': {'ingested': 900},
        }
    )
    assert '50 of 200 updates' in line and '4 + 1 held out' in line and 'refused 2' in line
    assert line.startswith('━━━━━─')
    assert gate_line({'passed': True, 'figures': {'reward_15': 0.25}}) == (
        'passed   held-out reward error at 15 ticks 0.250'
    )
    assert gate_line({'passed': False, 'reasons': ['worse']}) == 'refused: worse'
    far = {'horizon_joints_s': 2.5, 'horizon_predicted_s': 5.0}
    line = gate_line({'passed': True, 'figures': far})
    assert line == 'passed   useful horizon: joints 2.5 s'


def test_faults_that_hold_now_come_first_and_good_news_is_none():
    ok, worse = NodeStatus(0, 'recording', {}), NodeStatus(1, 'unreachable: No space left', {})
    assert find_faults(RobotView({'recorder': ok}), []) == []
    was = NodeStatus(0, 'recording', {'shipping_failures': '2', 'last_shipping_error': 'no store'})
    found = find_faults(RobotView({'recorder': was, 'updater': worse}), [])
    assert found[0] == Fault('updater', 'unreachable: No space left', now=True)
    told = 'recorder: not shipped (? waiting) 2×: no store → check the store'
    assert str(found[1]).startswith(told)


@pytest.mark.parametrize(
    ('age_s', 'phase', 'silent'),
    [
        (1.0, 'learning', False),
        (2 * SILENT_SEC, 'learning', True),
        (2 * SILENT_SEC, 'left', False),
    ],
)
def test_a_trainer_that_no_longer_reaches_the_store_is_said(tmp_path, age_s, phase, silent):
    robot = load_contract(find_robot('reacher'))
    loop = LearningLoop(str(tmp_path), tmp_path / 'robot.yaml', robot, 'r', tmp_path, None)
    loop.trainer = {
        'time_ns': time.time_ns() - int(age_s * 1e9),
        'phase': phase,
        'doing': 'what people read',
    }
    said = [str(fault).partition(' → ')[0] for fault in find_faults(RobotView(), [], loop)]
    assert any('has not reached the store' in text for text in said) == silent


def test_an_error_that_has_passed_is_still_told_with_its_count():
    view = RobotView()
    for message in ('no usable camera: 0.31 s old', 'no usable camera: 0.42 s old'):
        view.hear('agent', NodeStatus(2, message, {}))
    [fault] = find_faults(view, [])
    assert fault == Fault('agent', 'no usable camera: 0.42 s old', 1, now=True)
    view.hear('agent', NodeStatus(0, 'running', {'invalid_ticks': '7', 'lost.camera': '2'}))
    assert [str(fault).partition(' → ')[0] for fault in find_faults(view, [])] == [
        'agent: no usable camera: 0.42 s old 1×',
        'agent: ticks without a usable observation 7×',
        'agent: messages of camera lost 2×',
    ]
    view.hear('agent', NodeStatus(2, 'no usable camera: 0.50 s old', {}))
    assert find_faults(view, [])[0] == Fault('agent', 'no usable camera: 0.50 s old', 2, now=True)


def test_waiting_is_no_fault_once_it_is_over():
    view = RobotView()
    view.hear('agent', NodeStatus(1, 'shadow: waiting for inputs', {}))
    assert len(find_faults(view, [])) == 1
    view.hear('agent', NodeStatus(0, 'active: running', {}))
    assert find_faults(view, []) == []


def test_a_node_that_hangs_is_said():
    view = RobotView()
    view.hear('recorder', NodeStatus(0, 'recording', {}))
    assert find_faults(view, []) == []
    view.heard_s['recorder'] -= 2 * NODE_SILENT_SEC
    [fault] = find_faults(view, [])
    assert fault.now and str(fault).startswith('recorder: silent for 20 s')


def test_each_robot_and_each_beginning_learns_in_a_folder_of_its_own(tmp_path):
    made, recorded = [], set()
    for name, begins_with in (('reacher', True), ('reacher', False), ('cartpole', False)):
        robot, model = find_robot(name), tmp_path / 'model.learner.safetensors'
        learner = model if begins_with else None
        episodes, _ = folders(name, None, from_scratch=not begins_with)
        given, learning = folders(name, tmp_path / 'mine', from_scratch=not begins_with)
        assert (episodes.parent, given) == (Path('episodes'), tmp_path / 'mine')
        recorded.add(episodes)
        made.append(prepare(load_contract(robot), robot, learner, '', learning))
    assert len(recorded) == 3
    assert len({loop.store for loop in made}) == len({loop.out for loop in made}) == 3
    first = made[0]
    assert first.found() == '' and not first.resumed
    (first.out / 'checkpoint').mkdir(parents=True)
    assert str(first.out) in first.found() and first.resumed


def test_a_node_that_never_spoke_is_said(tmp_path):
    running = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
    try:
        log = tmp_path / 'log'
        log.touch()
        children = [Child(name, running, log) for name in ('recorder', 'trainer')]
        assert find_faults(RobotView(), children) == []
        for child in children:
            child.begun_s -= 2 * NODE_SILENT_SEC
        [fault] = find_faults(RobotView(), children)  # the trainer is no node
        assert str(fault).startswith('recorder: silent for 20 s')
    finally:
        running.kill()
        running.wait()


def test_the_newest_refused_bundle_is_told(tmp_path):
    robot = load_contract(find_robot('reacher'))
    loop = LearningLoop(str(tmp_path), tmp_path / 'robot.yaml', robot, 'r', tmp_path, None)
    loop.updater = {'bad': {'0a': 'too slow', 'ff': 'of yesterday'}, 'newest_bad': '0a'}
    assert [str(fault).partition(' → ')[0] for fault in find_faults(RobotView(), [], loop)] == [
        'updater: bundles refused 2×: 0a: too slow'
    ]


def test_a_figure_that_is_not_finite_is_no_number_to_show():
    verdict = {'passed': False, 'reasons': ['reward_15 is not finite'], 'figures': {}}
    verdict['figures']['reward_15'] = None
    assert gate_line(verdict) == 'refused: reward_15 is not finite'


def test_a_store_that_hangs_holds_up_no_figures(tmp_path):
    class Hanging(LearningLoop):
        def poll(self):
            threading.Event().wait()

    robot = load_contract(find_robot('reacher'))
    loop = Hanging(str(tmp_path), tmp_path / 'robot.yaml', robot, 'r', tmp_path, None)
    loop.start()
    assert loop.figures(RobotView()) == []
