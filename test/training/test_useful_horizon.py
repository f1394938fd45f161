# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The useful horizon of a release: what the gate says of models whose error is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from line_world import PERIOD_SEC, ROBOT, Line, Undrawn, episode

from world_model_ros.gate_figures import useful_horizons
from world_model_ros.training.judge.gate import GateConfig, judge
from world_model_ros.training.judge.open_loop import believe
from world_model_ros.training.judge.useful_horizon import (
    LONGEST_SEC,
    WINDOWS,
    horizon_figures,
    looked_at,
    predicted_ticks,
)

EPISODES = [episode(seed) for seed in range(6)]


def figures(model, episodes=EPISODES):
    return horizon_figures(model, ROBOT, believe(model, episodes), 1.0)


def test_a_model_that_makes_no_error_is_useful_to_the_end():
    found = figures(Line())
    assert found['horizon_predicted_s'] == pytest.approx(LONGEST_SEC)
    assert found['horizon_joints_s'] == found['horizon_reward_s'] == found['horizon_predicted_s']
    assert found['better_joints_from_s'] == pytest.approx(PERIOD_SEC)
    assert str(useful_horizons(found)['joints']) == '≥ 5.0'


def test_a_drift_ends_it_where_copying_is_the_better_one():
    found = figures(Line(drift=0.02))
    assert 0.2 <= found['horizon_joints_s'] <= 2.0
    assert found['horizon_joints_s'] < figures(Line(drift=0.01))['horizon_joints_s']
    hopeless = figures(Line(drift=1.0))
    assert hopeless['horizon_joints_s'] == 0.0 and 'better_joints_from_s' not in hopeless


def test_a_model_that_is_worse_at_once_and_better_later_names_the_stretch():
    class Blurred(Line):
        def decode(self, belief):
            return {'joints': belief + 0.1}

    found = figures(Blurred())
    assert found['horizon_joints_s'] == 0.0
    assert 0.2 <= found['better_joints_from_s'] < found['better_joints_to_s'] <= LONGEST_SEC
    assert str(useful_horizons(found)['joints']).startswith('0 (0.')


def test_a_prediction_that_is_no_number_is_no_use():
    class Broken(Line):
        def imagine(self, belief, action, noise=None):
            return belief * math.nan

    assert figures(Broken())['horizon_joints_s'] == 0.0


def test_what_cannot_be_measured_has_no_figure():
    short = [{key: rows[:5] for key, rows in EPISODES[0].items()}]
    assert figures(Line(), short) == {} and horizon_figures(Line(), ROBOT, [], 1.0) == {}
    silent = [{**rows, 'reward': np.full_like(rows['reward'], math.nan)} for rows in EPISODES]
    assert 'horizon_reward_s' not in figures(Line(), silent)
    assert 'horizon_joints_s' in figures(Line(), silent)
    assert 'horizon_joints_s' not in figures(Undrawn(Line()))


def test_it_predicts_as_far_as_half_of_the_pieces_go_on():
    pieces = believe(Line(), [episode(seed, ticks) for seed, ticks in enumerate((20, 30, 45, 60))])
    assert predicted_ticks(pieces, PERIOD_SEC) == 45 - 5
    assert predicted_ticks(pieces, 0.5) == 10 and predicted_ticks([], PERIOD_SEC) == 0


def test_the_work_does_not_grow_with_the_recordings():
    few, many = Line(), Line()
    figures(few, EPISODES[:1])
    figures(many, EPISODES * 4)
    assert many.drawn <= WINDOWS * len(looked_at(50)) <= WINDOWS * 20
    assert looked_at(3) == [1, 2, 3] and looked_at(12) == [*range(1, 11), 12]


def test_the_gate_says_it_of_the_candidate_and_of_the_active_release():
    config = GateConfig(open_loop=1e9, part=1e9, calibration=1e9)
    verdict = judge(Line(), Line(drift=0.02), ROBOT, EPISODES, 0.95, 1.0, 7, config)
    own, active = useful_horizons(verdict.figures), useful_horizons(verdict.figures, 'acting_')
    assert own['joints'].seconds == pytest.approx(5.0)
    assert 0.0 < active['joints'].seconds < 5.0
    assert 'horizon_joints_s 5' in verdict.line()
