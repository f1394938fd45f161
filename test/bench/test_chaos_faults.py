# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A small set of `chaos faults` on real processes, and the arithmetic of its judge."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from world_model_ros.bench.chaos.driven_arm import driven_arm
from world_model_ros.bench.chaos.fault_kinds import KINDS, broke_off
from world_model_ros.bench.reaction_figures import Command
from world_model_ros.contract import parse_contract

CONTRACT = parse_contract(driven_arm())
# The figure is made on an idle machine; a busy one is late at times.
LATE = 'the safe action was late'
TRIES = 3


def test_every_goal_follows_from_the_contract():
    goals = {name: kind.goal_s(CONTRACT) for name, kind in KINDS.items() if kind.goal_s}
    tick_s = CONTRACT.period_s
    assert goals['camera lost'] == pytest.approx(0.1 + tick_s)
    assert goals['joints lost'] == pytest.approx(0.03 + tick_s)
    assert goals['agent killed'] == pytest.approx(0.2 + 1 / 60)
    assert goals['driver fault'] == pytest.approx(0.2 + tick_s)
    assert not {name for name in goals if name.startswith(('recorder', 'updater'))}


def test_acting_that_breaks_off_is_found_and_what_came_before_does_not_count():
    commands = [Command(0.02 * i, 'chunk') for i in range(50)]
    assert broke_off(commands, 0.3, 1.0, 0.2) == ''
    gap = [c for c in commands if not 0.5 < c.at_s < 0.8]
    assert 'no command of the agent for 0.3' in broke_off(gap, 0.3, 1.0, 0.2)
    assert broke_off(gap, 0.85, 1.0, 0.2) == ''
    assert broke_off(commands, 0.3, 1.5, 0.2) and broke_off([], 0.0, 1.0, 0.2)
    safe = [Command(c.at_s, 'safe') if 0.5 < c.at_s < 0.8 else c for c in commands]
    assert broke_off(safe, 0.3, 1.0, 0.2)


@pytest.mark.ros
def test_two_faults_on_real_processes(domain):
    pytest.importorskip('rclpy')
    from world_model_ros.bench.chaos import faults_runs

    names, checked = list(KINDS), Counter()
    try:
        for name in ('driver fault', 'recorder killed'):  # a joint: test_guard_driver_node.py
            for seed in range(TRIES):
                rng = np.random.default_rng(seed)
                found = faults_runs.one_run(names.index(name), rng, None, checked)
                if {violation.rule for violation in found} <= {LATE}:
                    break
            else:
                raise AssertionError(found)
            assert checked[f'fault {name}']
    finally:
        faults_runs._close()
