# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a robot does that has no model yet."""

import numpy as np
import pytest
from onboard_contract import make_action, make_contract

from world_model_ros.onboard.policy.collector import Collector
from world_model_ros.onboard.policy.noise import ColouredNoise, episode_level, noise_key
from world_model_ros.onboard.tick.observation import Observation

PENDING = np.zeros((1, 2), np.float32)


def chunks(collector, count, key=5, arrays=None, sent=(0.0, 0.0)):
    """What it decides over an episode: [T, H, A]."""
    collector.reset(key)
    seen = Observation(0, arrays or {}, np.zeros(2, np.float32), {}, True)
    sent = np.array(sent, np.float32)
    return np.stack([collector.step(seen, sent, PENDING, k == 0, k).chunk for k in range(count)])


def test_it_stays_within_its_share_of_the_range_and_uses_it():
    found = chunks(Collector(make_contract(), amplitude=0.4), 500)
    assert np.abs(found).max() <= 0.4 * 0.05 + 1e-9
    assert np.ptp(found[:, 0], axis=0).min() > 0.6 * 0.05


def test_its_actions_last_as_long_as_the_correlation_time():
    slow = chunks(Collector(make_contract(), correlation_s=0.5), 800)[:, 0, 0]
    white = chunks(Collector(make_contract(), correlation_s=0.0), 800)[:, 0, 0]
    assert np.corrcoef(slow[1:], slow[:-1])[0, 1] > 0.8
    assert abs(np.corrcoef(white[1:], white[:-1])[0, 1]) < 0.15


def test_an_episode_is_told_by_its_key_alone():
    one, two = Collector(make_contract()), Collector(make_contract())
    chunks(two, 7, key=9)
    np.testing.assert_array_equal(chunks(one, 20), chunks(two, 20))
    assert not np.array_equal(chunks(one, 20), chunks(one, 20, key=6))


def test_the_rest_of_a_chunk_fades_to_rest_and_outlasts_the_command_timeout():
    contract = make_contract()
    found = np.abs(chunks(Collector(contract), 20))
    assert np.all(found[:, 1:] <= found[:, :-1] + 1e-9)
    assert found.shape[1] * contract.period_s > contract.command_timeout_s


def wandering(here, ticks=4000, sent=None, **keys):
    """Positions commanded over an episode [T, A], and the robot's contract."""
    limits = {'low': (-2.0, -2.0), 'high': (2.0, 2.0), 'rate_limit': (1.0, 0.5)}
    contract = make_contract(
        action=make_action(kind='position', safe='hold', **{**limits, **keys})
    )
    arrays = {'joints': np.array([*here, 0.0, 0.0], np.float32)}
    found = chunks(Collector(contract), ticks, arrays=arrays, sent=here if sent is None else sent)
    return found[:, 0].astype(float), contract


@pytest.mark.parametrize('acceleration', [(), (0.5, 0.2)])
def test_positions_wander_smoothly_around_where_the_robot_is(acceleration):
    here = [1.0, -1.95]
    found, contract = wandering(here, acceleration_limit=acceleration)
    assert np.abs(found - here).max() <= 0.1 + 1e-6
    assert np.ptp(found[:, 0]) > 0.02
    speed = np.diff(found, axis=0) / contract.period_s
    assert np.all(np.abs(speed) <= 0.1 * np.array([1.0, 0.5]) + 1e-4)
    assert np.abs(speed[0]).max() < 0.02  # it begins at rest
    change = np.diff(speed, axis=0) / contract.period_s
    bound = 0.1 * np.array(acceleration) if acceleration else np.array([0.3, 0.15])
    # Positions are float32: their second difference is coarse.
    assert np.all(np.abs(change) <= bound + 1e-3)
    turns = np.count_nonzero(np.diff(np.sign(speed[np.abs(speed[:, 0]) > 1e-3, 0])))
    assert turns / (len(found) * contract.period_s) < 1.0  # reversals per second


def test_positions_go_home_first_within_the_same_speed():
    found, contract = wandering([0.0, 0.0], home=(0.5, -0.3))
    speed = np.diff(found, axis=0) / contract.period_s
    assert np.all(np.abs(speed) <= 0.1 * np.array([1.0, 0.5]) + 1e-4)
    assert np.abs(found[-1000:] - [0.5, -0.3]).max() <= 0.1 + 1e-6


def test_a_joint_that_sags_does_not_sink_with_each_beginning():
    found, _ = wandering([0.49, 0.0], ticks=2, sent=(0.5, 0.0))
    assert found[0, 0] == pytest.approx(0.5, abs=1e-3)
    moved, _ = wandering([0.3, 0.0], ticks=2, sent=(0.5, 0.0))
    assert moved[0, 0] == pytest.approx(0.3, abs=1e-3)


def test_after_somebody_else_moved_the_robot_it_begins_from_there():
    contract = make_contract(
        action=make_action(kind='position', safe='hold', low=(-2, -2), high=(2, 2))
    )
    collector = Collector(contract)
    chunks(collector, 300)
    collector.drop_plan()
    seen = Observation(
        0, {'joints': np.array([1.0, 1.0, 0, 0], np.float32)}, np.zeros(2, np.float32), {}, True
    )
    found = collector.step(seen, np.zeros(2, np.float32), PENDING, False, 300).chunk[0]
    assert np.abs(found - 1.0).max() < 0.01


def test_many_beginnings_do_not_carry_the_robot_away_from_where_it_began():
    action = make_action(kind='position', safe='hold', low=(-2, -2), high=(2, 2))
    collector = Collector(make_contract(action=action))
    at, furthest = np.zeros(2, np.float32), 0.0
    for beginning in range(150):  # episodes, and chunks that were given up
        if beginning % 2:
            collector.drop_plan()
        else:
            collector.reset(beginning)
        for tick in range(40):
            arrays = {'joints': np.array([*at, 0, 0], np.float32)}
            seen = Observation(0, arrays, np.zeros(2, np.float32), {}, True)
            decided = collector.step(seen, at, PENDING, tick == 0, beginning * 40 + tick)
            at = decided.chunk[0]
        furthest = max(furthest, float(np.abs(at).max()))
    assert furthest <= 0.1 + 1e-6


def test_skipped_ticks_age_the_noise():
    whole, gap = ColouredNoise(2, 0.3, 0.04), ColouredNoise(2, 0.3, 0.04)
    for tick in range(6):
        last = whole.rows(tick, 1)
    gap.rows(0, 1)
    np.testing.assert_array_equal(gap.rows(5, 1), last)


def test_it_says_that_it_explores_and_whether_it_saw():
    collector = Collector(make_contract())
    blind = Observation(0, {}, np.zeros(2, np.float32), {}, False)
    decision = collector.step(blind, PENDING[0], PENDING, True, 0)
    assert (decision.source, decision.iterations, decision.observed) == ('explore', 0, False)


@pytest.mark.parametrize(
    ('options', 'name'),
    [({'amplitude': 0.0}, 'explore_amplitude'), ({'correlation_s': -1.0}, 'explore_correlation')],
)
def test_settings_out_of_range_are_refused_by_name(options, name):
    with pytest.raises(ValueError, match=name):
        Collector(make_contract(), **options)


def test_episodes_are_calm_and_wild_alike_and_each_is_what_its_key_says():
    keys = [noise_key(str(k)) for k in range(2000)]
    levels = np.array([episode_level(key, 0.1) for key in keys])
    assert levels.min() >= 0.1 and levels.max() <= 1.0
    np.testing.assert_allclose(
        np.quantile(levels, [0.25, 0.5, 0.75]), [0.325, 0.55, 0.775], atol=0.05
    )
    assert episode_level(keys[0], 0.1) == levels[0]
