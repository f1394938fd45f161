# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Intervals and rows: the numbers behind every table."""

import dataclasses
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from world_model_ros.evaluation import (
    COLUMNS,
    REPORT,
    SELECTION,
    TRAINING,
    EpisodeResult,
    Row,
    RowsError,
    append_rows,
    iqm,
    iqm_interval,
    mean_interval,
    paired_interval,
    rate_interval,
    read_rows,
    report_seeds,
    seed_list,
    summarise,
)
from world_model_ros.evaluation.seeds import LISTS

ROW = Row(
    'dreamer',
    'reacher',
    'camera+joints',
    'nominal@0',
    'plan',
    0,
    21_000,
    100_000,
    50_000,
    12_500,
    128.0,
    3.5,
    '2x cpu',
    'abc',
    False,
    'c0',
    'b0',
    'mppi i4 n64 h5',
    812.0,
    500,
)


def test_seed_lists_are_those_of_the_protocol_and_disjoint():
    assert (list(TRAINING), len(SELECTION), len(REPORT)) == ([0, 1, 2, 3, 4], 20, 100)
    assert (SELECTION[0], SELECTION[-1], REPORT[0], REPORT[-1]) == (10000, 10019, 21000, 21099)
    every = [seed for listed in LISTS.values() for seed in listed]
    assert len(set(every)) == len(every)
    assert report_seeds(3) == [21000, 21001, 21002]
    with pytest.raises(ValueError, match='1 to 100'):
        report_seeds(101)


@pytest.mark.parametrize(
    ('seeds', 'name'),
    [
        ([21_000, 21_099], 'report'),
        ([20_000, 20_099], 'retired'),
        (SELECTION, 'selection'),
        ([20_099, 21_000], 'other'),  # half of each
        ([21_100], 'other'),
        ([], 'other'),
    ],
)
def test_seeds_are_named_by_their_list(seeds, name):
    assert seed_list(seeds) == name


def test_rows_of_the_retired_seeds_are_shown_as_such(tmp_path):
    path = tmp_path / 'a.csv'
    append_rows(path, [ROW, dataclasses.replace(ROW, eval_seed=20_099)])
    assert [row['seed_list'] for row in read_rows(path)] == ['report', 'retired']
    committed = Path(__file__).parents[2] / 'benchmarks/results/cells/reacher_nominal.csv'
    assert 'retired' in {row['seed_list'] for row in read_rows(committed)}


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(5, 2, 40)) for _ in range(100)]
    assert 88 <= sum(i.low <= 5 <= i.high for i in intervals) <= 100


def test_pairing_finds_a_small_difference_between_noisy_arms():
    rng = np.random.default_rng(1)
    hard = rng.normal(500, 200, 50)
    better = hard + rng.normal(10, 5, 50)
    difference = paired_interval(better, hard)
    assert 0 < difference.low < 10 < difference.high
    assert difference == paired_interval(better, hard)


@pytest.mark.parametrize('values', [[], [1.0, float('nan')], [[1.0]]])
def test_values_that_are_no_episodes_are_refused(values):
    with pytest.raises(ValueError, match='finite value per episode'):
        mean_interval(values)
    with pytest.raises(ValueError, match='same episodes'):
        paired_interval([1.0], [1.0, 2.0])


def test_iqm_is_the_mean_of_the_middle_half():
    assert iqm(np.array([0, 1, 2, 3, 4, 5, 6, 1000.0])) == pytest.approx(3.5)
    assert iqm(np.array([0, 1, 2, 3, 1000.0])) == pytest.approx((0.75 + 2 + 0.75 * 3) / 2.5)
    result = iqm_interval([[1, 2, 3], [10, 20, 30]])
    assert result.low <= result.mean <= result.high


@settings(max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_interval_holds_the_mean_and_stays_within_the_values(values):
    interval = mean_interval(values)
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert min(values) - slack <= interval.low <= interval.high <= max(values) + slack


def test_columns_are_those_of_the_protocol_in_order():
    assert ','.join(COLUMNS) == (
        'family,task,obs,reality,arm,train_seed,eval_seed,frames,decisions,updates,replay_ratio,'
        'wall_s,machine,commit,dirty,config_hash,bundle_sha,planner,return,length'
    )


def test_rows_are_appended_under_one_header_and_read_back(tmp_path):
    path = tmp_path / 'cells' / 'a.csv'
    append_rows(path, [ROW])
    append_rows(path, [dataclasses.replace(ROW, eval_seed=21_001)])
    rows = read_rows(path)
    assert [row['eval_seed'] for row in rows] == ['21000', '21001']
    assert rows[0]['return'] == '812.0'


def test_file_with_other_columns_is_refused_and_left_alone(tmp_path):
    path = tmp_path / 'other.csv'
    path.write_text('family,task,score\n1,2,3\n')
    with pytest.raises(RowsError, match='score'):
        append_rows(path, [ROW])
    assert path.read_text() == 'family,task,score\n1,2,3\n'


def test_rows_of_a_dirty_tree_carry_no_claim(tmp_path):
    path = tmp_path / 'a.csv'
    append_rows(path, [dataclasses.replace(ROW, dirty=True)])
    with pytest.raises(RowsError, match='dirty tree'):
        read_rows(path)
    assert len(read_rows(path, allow_dirty=True)) == 1


def test_torn_row_is_refused_by_its_line(tmp_path):
    path = tmp_path / 'a.csv'
    append_rows(path, [ROW])
    path.write_text(path.read_text() + 'dreamer,reacher\n')
    with pytest.raises(RowsError, match=':3:'):
        read_rows(path)


def test_summary_names_what_planning_and_the_camera_are_worth():
    def arm(name, returns, **figures):
        return [
            EpisodeResult(name, 21_000 + i, r, 500, 1.0, figures) for i, r in enumerate(returns)
        ]

    report = summarise(
        {
            'plan': arm('plan', [800, 900], plan_differs=0.6, iterations=4),
            'policy': arm('policy', [780, 860]),
            'blanked': arm('blanked', [100, 240]),
        }
    )
    assert report['mean_return'] == 850 and report['policy_return'] == 820
    assert report['plan_minus_policy'] == 30
    assert report['plan_minus_policy_interval'] == [20, 40]
    assert report['blanked_return'] == 170 and report['blanked_loss'] == 0.8
    assert report['plan_differs_share'] == 0.6
    assert report['label'] == 'quick' and report['episodes'] == 2


def test_a_rate_is_unsure_even_where_everything_happened():
    always = rate_interval([True] * 100)
    assert (always.mean, always.high) == (1.0, 1.0) and always.low == pytest.approx(
        0.963, abs=1e-3
    )
    half = rate_interval([True, False] * 50)
    assert half.mean == 0.5 and half.low == pytest.approx(0.404, abs=1e-3)


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_a_rate_lies_in_its_interval(happened):
    rate = rate_interval(happened)
    assert 0.0 <= rate.low <= rate.mean <= rate.high <= 1.0


def _ended(arm, outcomes):
    return [EpisodeResult(arm, i, 1.0, 5, 0.1, {}, word) for i, word in enumerate(outcomes)]


def test_a_body_that_judges_gives_rates_of_each_end_and_what_blanking_costs():
    out = summarise(
        {
            'plan': _ended('plan', ['success', 'success', 'touch', 'timeout']),
            'blanked': _ended('blanked', ['touch', 'touch', 'touch', 'success']),
            'scripted': _ended('scripted', ['success'] * 4),
        }
    )
    assert out['plan_success'] == 0.5 and out['plan_touch'] == out['plan_timeout'] == 0.25
    assert out['scripted_touch'] == 0.0 and out['scripted_success_interval'][1] == 1.0
    assert out['blanked_success_loss'] == 0.5 and out['plan_of_scripted'] == 0.5
    assert not any('success' in key for key in summarise({'plan': _ended('plan', ['', ''])}))
