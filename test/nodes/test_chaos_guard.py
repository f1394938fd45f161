# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A fixed small set of `chaos guard`: sequences that once broke a rule, on real processes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip('rclpy')

from world_model_ros.bench.chaos import guard_runs as chaos
from world_model_ros.bench.chaos.guard_events import (
    ROBOTS,
    RUNS_PER_ROBOT,
    WEIGHTS,
    Event,
    draw,
    robot_file,
    robot_of,
)
from world_model_ros.bench.chaos.guard_rules import judge
from world_model_ros.contract import parse_contract

# Names alone, or (name, argument); 0.3 s after each: longer than command_timeout.
ACTIVATE = ('activate', 'insist')
SEQUENCES = {
    'position': (
        (ACTIVATE, 'activate', 'deactivate', 'deactivate', 'activate', ('odd plan', 'nan')),
        (ACTIVATE, 'stop', 'guard killed', 'activate', 'release', 'activate', 'disable'),
        (ACTIVATE, ('out of the box', 'j2'), ('teleop', 'outwards'), 'stop', 'foreign sends'),
    ),
    'position_sim_time': (
        (ACTIVATE, ('clock', 'paused'), ('clock', 'runs'), ('clock step', -5.0), 'agent gone'),
        (ACTIVATE, ('clock', 'ended'), 'deactivate'),
        (('clock', 'ended'), ('joints', 'all'), 'let go', 'let go', 'let go', 'activate'),
        (ACTIVATE, 'disable', ('clock', 'paused'), ('joints', 'all'), 'let go', 'enable'),
    ),
    'position_gripper': (
        (ACTIVATE, 'stop', 'release', ('out of the box', 'j2'), 'disable', 'deactivate'),
        (ACTIVATE, ('joints', 'second'), 'foreign sends', 'foreign off', ('guard hung', 0.15)),
    ),
    'effort': ((ACTIVATE, ('guard hung', 0.15), 'deactivate', 'activate', 'foreign silent'),),
}


def events(sequence):
    pairs = [step if isinstance(step, tuple) else (step, None) for step in sequence]
    return [Event('plan', 'smooth', 0.0), *(Event(name, what, 0.3) for name, what in pairs)]


@pytest.mark.ros
@pytest.mark.parametrize('robot', SEQUENCES)
def test_no_rule_is_broken(robot):
    player, checked = chaos.Player(robot), Counter()
    try:
        for seed, sequence in enumerate(SEQUENCES[robot]):
            logs, found = player.play(events(sequence), seed)
            for log in logs:
                found += judge(log, checked)
            assert found == [], sequence
            assert len(logs) == 1 + (robot == 'position_gripper')
            assert all(any(not c.foreign for c in log.commands) for log in logs)
    finally:
        player.close()
    # One that is insisted on, and that of the recovery.
    surely = sum(1 + (ACTIVATE in sequence) for sequence in SEQUENCES[robot])
    assert checked['activations'] >= surely and checked['steps'] > 20


def test_a_run_is_drawn_again_from_its_numbers():
    for robot in ROBOTS:
        first, second = (draw(np.random.default_rng([7, 3]), robot) for _ in range(2))
        assert first == second
        parse_contract(robot_file(robot))
    assert {robot_of(i) for i in range(5 * RUNS_PER_ROBOT)} == set(ROBOTS)
    assert robot_of(0) == robot_of(RUNS_PER_ROBOT - 1) != robot_of(RUNS_PER_ROBOT)


def test_every_event_can_be_drawn_and_played():
    drawn = {
        event.name
        for seed in range(300)
        for event in draw(np.random.default_rng(seed), 'position_sim_time')
    }
    assert drawn == set(WEIGHTS)
