# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the gate makes of imagined returns: policies on a line, in models with known faults."""

from __future__ import annotations

import math

import numpy as np
import pytest
from line_world import PERIOD_SEC, ROBOT, Line, Undrawn, episode

from world_model_ros.training.judge.gate import GateConfig, judge
from world_model_ros.training.judge.imagined_returns import (
    ImaginedConfig,
    Side,
    interval,
    policy_returns,
)
from world_model_ros.training.judge.open_loop import believe, starts_of

EPISODES = [episode(seed) for seed in range(6)]


def ask(candidate, acting, held_out=EPISODES, **settings):
    config = GateConfig(imagined=ImaginedConfig(**settings))
    return judge(candidate, acting, ROBOT, held_out, 0.95, 1.0, 7, config)


def without_rewards():
    return [{**rows, 'reward': np.full_like(rows['reward'], math.nan)} for rows in EPISODES]


def without_success():
    return [{**rows, 'reward': 0.0 * rows['reward']} for rows in EPISODES]


def test_a_policy_that_earns_less_in_a_model_that_is_right_is_refused():
    verdict = ask(Line(gain=-3.0), Line(gain=2.0))
    assert not verdict.passed and len(verdict.reasons) == 1
    assert verdict.reasons[0].startswith('imagined return ')
    assert verdict.imagined.startswith('used: ')
    figures = verdict.figures
    assert figures['imagined_return'] < figures['acting_imagined_return']
    assert figures['imagined_difference_high'] < 0.0
    assert abs(figures['imagined_error_high']) < 1e-3  # it knows what was earned
    assert verdict.imagined in verdict.line() and verdict.as_dict()['imagined']


def test_a_policy_that_earns_as_much_or_more_passes():
    same = ask(Line(gain=2.0), Line(gain=2.0))
    assert same.passed and same.imagined.startswith('used: ')
    assert same.figures['imagined_difference_low'] == same.figures['imagined_difference_high'] == 0
    better = ask(Line(gain=2.0), Line(gain=-3.0))
    assert better.passed and better.figures['imagined_difference_low'] > 0.0


def test_what_is_refused_without_them_is_never_let_pass_by_them():
    verdict = ask(Line(gain=2.0, drift=0.5), Line(gain=-3.0))
    assert not verdict.passed and any('step error' in reason for reason in verdict.reasons)
    assert verdict.imagined == 'not used: it is refused without them'


def test_they_are_earned_in_the_model_that_predicts_better():
    settings = {'seconds': 1.0, 'agreement': 1e9}
    assert "inside of the candidate's model" in ask(Line(), Line(drift=1e-4), **settings).imagined
    mine = ask(Line(drift=1e-4), Line(), **settings)
    assert mine.passed and "inside of the active release's model" in mine.imagined


@pytest.mark.parametrize(
    ('make', 'held_out', 'settings', 'reason'),
    [
        (lambda gain: Line(gain, bonus=0.3), EPISODES, {}, 'under the recorded actions it imagi'),
        (lambda gain: Line(gain, drift=0.02), EPISODES, {}, 'the useful horizon of joints is'),
        (lambda gain: Undrawn(Line(gain)), EPISODES, {}, 'cannot draw what it imagines'),
        (Line, without_rewards(), {}, '0 held-out pieces of this length have rewards'),
        (Line, without_success(), {}, 'nothing was earned in the held-out episodes'),
        (Line, EPISODES[:2], {}, '2 held-out pieces of this length have rewards'),
        (Line, [episode(k, 20) for k in range(6)], {}, 'held-out episodes check 1.5 s, 2 s would'),
        (Line, EPISODES, {'seconds': 0.0}, 'switched off'),
    ],
    ids=[
        *('wrong_rewards', 'short_horizon', 'no_pictures', 'no_rewards', 'no_success'),
        *('few_pieces', 'short_pieces', 'off'),
    ],
)
def test_where_they_cannot_be_trusted_they_abstain_and_say_why(make, held_out, settings, reason):
    verdict = ask(make(-3.0), make(2.0), held_out, **settings)
    assert verdict.passed, verdict.reasons
    assert verdict.imagined.startswith('not used: ') and reason in verdict.imagined


def test_without_an_active_release_there_is_nothing_to_compare_with():
    verdict = ask(Line(), None)
    assert verdict.passed and verdict.imagined == 'not used: there is no active release'


def test_actions_take_effect_one_command_offset_after_they_are_decided():
    model, ticks = Line(gain=2.0), 20
    pieces = believe(model, EPISODES)
    places = starts_of(pieces, ticks, 12)
    assert ROBOT.offset_ticks == 1
    found = policy_returns(model, pieces, Side(model, pieces, {}), places, ticks, ROBOT)
    for (p, s), total in zip(places, found, strict=True):
        place = float(EPISODES[p]['obs_joints'][s, 0])
        action, want = float(EPISODES[p]['action_sent'][s + 1, 0]), 0.0
        for _ in range(ticks):
            ahead = place + PERIOD_SEC * action
            decided = np.clip(-2.0 * ahead, -1.0, 1.0)
            place = ahead
            want += 1.0 - abs(place)
            action = decided
        assert total == pytest.approx(want, rel=1e-4)


def test_each_policy_filters_what_the_world_draws_with_its_own_model():
    """Its belief is of another unit; in the world it acts as well as in its own."""

    class Mirrored(Line):
        def observe(self, belief, action_sent, observation, ages, is_first, noise=None):
            seen, surprise = super().observe(
                belief, action_sent, observation, ages, is_first, noise
            )
            return -seen, surprise

        def imagine(self, belief, action, noise=None):
            return -super().imagine(-belief, action, noise)

        def policy(self, belief):
            return super().policy(-belief)

    plain, other = Line(gain=2.0), Mirrored(gain=2.0)
    pieces = believe(plain, EPISODES)
    places = starts_of(pieces, 20, 12)
    mine = policy_returns(plain, pieces, Side(plain, pieces, {}), places, 20, ROBOT)
    side = Side(other, believe(other, EPISODES), {})
    np.testing.assert_allclose(
        policy_returns(plain, pieces, side, places, 20, ROBOT), mine, rtol=1e-5
    )


def test_windows_of_one_piece_count_as_one():
    rng = np.random.default_rng(0)
    means = rng.normal(size=8)
    values = np.repeat(means, 20)
    low, high = interval(values, np.repeat(np.arange(8), 20))
    assert low < means.mean() < high
    alone = interval(values, np.arange(160))
    assert high - low > 2 * (alone[1] - alone[0])
