# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The anytime loop, its budget, and the warm start."""

import math

import numpy as np
import pytest
from fake_bundle import FakeBundle
from onboard_contract import make_action, make_contract

from world_model_ros.onboard.policy.planner import POLICY_ROWS, Planner, shift_plan

PENDING = np.zeros((1, 2), np.float32)


class ManualClock:
    """A clock that moves by `step` at each reading."""

    def __init__(self, step=0.0):
        self.now = 100.0
        self.step = step

    def __call__(self):
        self.now += self.step
        return self.now


def make_planner(bundle=None, clock=None, **options):
    bundle = bundle or FakeBundle()
    planner = Planner(bundle, make_contract(), clock=clock or ManualClock(), **options)
    bundle.forget()
    return planner, bundle


def plan(planner, belief=(0.0, 0.0), deadline_s=math.inf, tick=0, key=1, shift=1):
    return planner.plan(np.array([belief], np.float32), PENDING, deadline_s, tick, key, shift)


def test_the_plan_12345_becomes_2345x_one_tick_later():
    out, mask = np.zeros((5, 1), np.float32), np.zeros(5, np.float32)
    shift_plan(np.array([[1], [2], [3], [4], [5]], np.float32), 1, out, mask)
    assert out[:4, 0].tolist() == [2, 3, 4, 5]
    assert mask.tolist() == [1, 1, 1, 1, 0]


@pytest.mark.parametrize('shift, kept', [(2, [3, 4, 5]), (4, [5]), (5, []), (9, [])])
def test_a_plan_is_shifted_by_the_ticks_that_really_passed(shift, kept):
    out, mask = np.zeros((5, 1), np.float32), np.ones(5, np.float32)
    shift_plan(np.array([[1], [2], [3], [4], [5]], np.float32), shift, out, mask)
    assert out[: len(kept), 0].tolist() == kept
    assert mask.tolist() == [1.0] * len(kept) + [0.0] * (5 - len(kept))


def test_a_plan_keeps_to_the_limits_of_today_not_to_what_was_learned():
    action = make_action(limit_low=(-0.01, -0.02), limit_high=(0.02, 0.01))
    bundle = FakeBundle(policy=(0.05, 0.05))
    planner = Planner(bundle, make_contract(action=action), clock=ManualClock())
    searched = []
    planner.graphs._plan.function = lambda **feeds: (
        searched.append((feeds['low'].tolist(), feeds['high'].tolist())) or bundle._plan(**feeds)
    )
    plan(planner)
    low, high = np.float32([-0.01, -0.02]), np.float32([0.02, 0.01])
    assert searched[0] == (low.tolist(), high.tolist())
    unplanned = plan(planner, deadline_s=0.0).chunk  # no time: the policy alone
    assert (unplanned <= high).all() and (unplanned >= low).all()


def test_planning_beats_the_policy_and_says_so():
    planner, _ = make_planner()
    result = plan(planner)
    assert result.source == 'plan' and result.iterations == 3
    assert result.value > result.policy_value
    assert result.chunk.shape == (5, 2)


def test_the_policy_is_executed_where_nothing_beats_it():
    planner, _ = make_planner(FakeBundle(policy=(0.02, -0.02)))
    planner.graphs._plan.function = lambda **feeds: {
        **FakeBundle(policy=(0.02, -0.02))._plan(**feeds),
        'best_index': np.array([0]),
    }
    assert plan(planner).source == 'policy'


def test_the_best_of_all_iterations_is_executed_not_the_last():
    planner, bundle = make_planner()
    values = iter([1.0, 5.0, 3.0])

    def falling(**feeds):
        value = next(values)
        return {
            **bundle._plan(**feeds),
            'best': np.full((5, 2), value, np.float32),
            'best_value': np.array([value]),
            'best_index': np.array([7]),
        }

    planner.graphs._plan.function = falling
    result = plan(planner)
    assert result.value == 5.0 and (result.chunk == 5.0).all()


def test_mean_and_std_of_an_iteration_feed_the_next():
    planner, bundle = make_planner()
    plan(planner)
    first, second, _ = bundle.calls('plan')
    again = bundle._plan(**first)
    assert np.array_equal(second['mean'], again['mean_out'])
    assert np.array_equal(second['std'], again['std_out'])
    assert not np.array_equal(first['noise'], second['noise'])


def test_the_next_tick_starts_from_the_shifted_plan():
    planner, bundle = make_planner()
    sent = plan(planner, tick=0).chunk.copy()
    bundle.forget()
    plan(planner, tick=2, shift=2)
    call = bundle.calls('plan')[0]
    assert np.array_equal(call['previous'][:3], sent[2:])
    assert call['previous_mask'].tolist() == [1, 1, 1, 0, 0]


@pytest.mark.parametrize('forget', [lambda p: (p.reset(), 1)[1], lambda p: 5, lambda p: 50])
def test_after_a_reset_or_a_long_gap_the_search_starts_cold(forget):
    planner, bundle = make_planner()
    plan(planner)
    bundle.forget()
    plan(planner, tick=1, shift=forget(planner))
    assert bundle.calls('plan')[0]['previous_mask'].tolist() == [0] * 5
    assert not bundle.calls('plan')[0]['previous'].any()
    assert np.allclose(bundle.calls('plan')[0]['std'], 0.05)


def test_committed_actions_are_imagined_before_planning():
    planner, bundle = make_planner()
    pending = np.array([[0.01, 0.02], [0.01, 0.02]], np.float32)
    planner.plan(np.zeros((1, 2), np.float32), pending, math.inf, 0, 1)
    assert bundle.calls('plan')[0]['belief'] == pytest.approx(np.array([[0.02, 0.04]]))


def test_an_iteration_starts_only_if_it_fits_what_is_left():
    clock = ManualClock(step=0.001)  # one iteration reads the clock twice: 1 ms
    planner, bundle = make_planner(clock=clock)
    result = plan(planner, deadline_s=clock.now + 0.0045)
    assert result.iterations == len(bundle.calls('plan')) == 1


def test_without_time_the_policy_acts():
    clock = ManualClock()
    planner, bundle = make_planner(FakeBundle(policy=(0.01, 0.02)), clock=clock)
    result = plan(planner, deadline_s=clock.now - 1.0)
    assert (result.source, result.iterations) == ('policy', 0)
    assert bundle.calls('plan') == []
    assert result.chunk == pytest.approx(np.tile([0.01, 0.02], (5, 1)))


def test_planning_comes_back_after_a_slow_spell():
    clock = ManualClock()
    planner, _ = make_planner(clock=clock)
    for _ in range(200):
        planner.latency.add(10.0)
    counts = [plan(planner, deadline_s=clock.now + 0.02, tick=t).iterations for t in range(2000)]
    assert counts[0] == 0 and counts[-1] == 3


def test_the_policy_rollout_is_cheap():
    planner, bundle = make_planner(iteration_count=0)
    plan(planner)
    assert len(bundle.calls('policy')) == POLICY_ROWS


def test_a_broken_planner_graph_leaves_the_policy_in_charge():
    planner, bundle = make_planner(FakeBundle(policy=(0.01, 0.0)))
    planner.graphs._plan.function = lambda **feeds: {
        **bundle._plan(**feeds),
        'best_value': np.array([math.nan]),
    }
    assert plan(planner).source == 'policy'


def test_a_tick_is_replayed_from_its_key_and_number():
    first = plan(make_planner()[0], tick=7, key=5).chunk
    planner = make_planner()[0]
    plan(planner, tick=6, key=4)
    planner.reset()
    assert np.array_equal(plan(planner, tick=7, key=5).chunk, first)
    planner.reset()
    assert not np.array_equal(plan(planner, tick=8, key=5).chunk, first)


@pytest.mark.parametrize('limits_joints', [True, False])
def test_where_every_plan_leaves_the_limits_of_the_joints_the_safe_action_is_held(limits_joints):
    bundle = FakeBundle(policy=(0.02, -0.02))
    bundle.manifest['planner']['limits_joints'] = limits_joints
    planner, _ = make_planner(bundle)
    planner.graphs._plan.function = lambda **feeds: {
        **bundle._plan(**feeds),
        'best_value': np.array([-1000.5]),
    }
    result = plan(planner)
    assert result.rejected == limits_joints
    assert (result.source == 'safe') == limits_joints
    assert not result.chunk.any() or not limits_joints
