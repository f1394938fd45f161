# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `regained` and a mild shift mean."""

import pytest

from world_model_ros.evaluation.adaptation import arm_figures, regained, shift_loss
from world_model_ros.evaluation.statistics import ratio_interval

FROZEN = [100.0, 140.0, 60.0, 100.0]
ORACLE = [900.0, 940.0, 860.0, 900.0]


def test_all_of_the_loss_regained_is_one_and_none_is_zero():
    assert regained(ORACLE, FROZEN, ORACLE).mean == pytest.approx(1.0)
    assert regained(FROZEN, FROZEN, ORACLE).mean == pytest.approx(0.0)
    half = [(a + b) / 2 for a, b in zip(FROZEN, ORACLE, strict=True)]
    share = regained(half, FROZEN, ORACLE)
    assert (share.mean, share.low, share.high) == pytest.approx((0.5, 0.5, 0.5))


def test_interval_spreads_with_the_episodes():
    share = regained([100.0, 940.0, 60.0, 900.0], FROZEN, ORACLE)
    assert share.mean == pytest.approx(0.5)
    assert share.low < 0.25 < 0.75 < share.high


def test_an_oracle_that_learned_nothing_is_said():
    with pytest.raises(ValueError, match='nothing to regain'):
        regained(ORACLE, FROZEN, FROZEN)


def test_pairs_must_be_pairs():
    with pytest.raises(ValueError, match='3 against 4'):
        ratio_interval(FROZEN[:3], ORACLE)


def test_loss_is_a_share_of_nominal():
    assert shift_loss([1000.0, 800.0], [500.0, 400.0]) == pytest.approx(0.5)
    assert shift_loss([900.0], [900.0]) == 0.0


def test_figures_are_flat():
    figures = arm_figures({'frozen': FROZEN, 'oracle': ORACLE})
    assert figures['frozen'] == 100.0 and figures['oracle'] == 900.0
    low, high = figures['frozen_interval']
    assert 60.0 <= low < 100.0 < high <= 140.0
