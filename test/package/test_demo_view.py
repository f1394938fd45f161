# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the live view says of the learning half."""

import time

import pytest

pytest.importorskip('rich')
pytest.importorskip('rclpy')
from world_model_ros.cli._circle import Circle
from world_model_ros.cli._demo_view import gate_line, history, release_line, trainer_line
from world_model_ros.cli._faults import SILENT_SEC, Fault, find_faults
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.nodes._monitor import NodeStatus, RobotView, Score


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
    for part in ('3 published', 'acting: 2', '3 refused (weights.bin differs)', 'not finite'):
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


def test_faults_that_hold_now_come_first_and_good_news_is_none():
    ok, worse = NodeStatus(0, 'recording', {}), NodeStatus(1, 'unreachable: No space left', {})
    assert find_faults(RobotView({'recorder': ok}), []) == []
    was = NodeStatus(0, 'recording', {'shipping_failures': '2', 'last_shipping_error': 'no store'})
    found = find_faults(RobotView({'recorder': was, 'updater': worse}), [])
    assert found[0] == Fault('updater', 'unreachable: No space left', now=True)
    assert str(found[1]) == 'recorder: not shipped (? waiting) 2×: no store'


@pytest.mark.parametrize(
    ('age_s', 'doing', 'silent'),
    [
        (1.0, 'learning', False),
        (2 * SILENT_SEC, 'learning', True),
        (2 * SILENT_SEC, 'left', False),
    ],
)
def test_a_trainer_that_no_longer_reaches_the_store_is_said(tmp_path, age_s, doing, silent):
    robot = load_contract(find_robot('reacher'))
    circle = Circle(str(tmp_path), tmp_path / 'robot.yaml', robot, 'r', tmp_path, None)
    circle.trainer = {'time_ns': time.time_ns() - int(age_s * 1e9), 'doing': doing}
    said = [str(fault) for fault in find_faults(RobotView(), [], circle)]
    assert any('has not reached the store' in text for text in said) == silent
