# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench guard`: what counts as a rate that holds, and a real one of a second."""

import json

import pytest
from typer.testing import CliRunner

from world_model_ros.bench.guard_rate import highest_rate, rate_figures
from world_model_ros.cli import main

MS = 1_000_000
BARE = {'p50': 0.1, 'p99': 0.3}


def commands(count, late_ms=lambda i: 1.0, lost=()):
    return [
        (i * 10 * MS, round((i * 10 + late_ms(i)) * MS)) for i in range(count) if i not in lost
    ]


def test_a_constant_delay_is_no_jitter():
    figures = rate_figures(commands(200, lambda i: 5.0), BARE, 100)
    assert figures['holds'] and figures['missed_share'] == 0.0
    assert figures['command_jitter_over_bare_ms'] == pytest.approx(-0.2)


@pytest.mark.parametrize(
    'heard', [commands(200, lambda i: 9.0 if i % 50 == 0 else 1.0), commands(200, lost=(50, 51))]
)
def test_late_or_missing_commands_do_not_hold(heard):
    assert not rate_figures(heard, BARE, 100)['holds']


def test_the_highest_rate_is_one_below_which_all_hold():
    rates = {'50': {'holds': True}, '100': {'holds': False}, '200': {'holds': True}}
    assert highest_rate(rates) == 50
    assert highest_rate({'50': {'holds': False}}) == 0


@pytest.mark.ros
def test_the_guard_runs_at_a_rate():
    pytest.importorskip('rclpy')
    pytest.importorskip('mujoco')
    shown = CliRunner().invoke(
        main.app, ['bench', 'guard', '--rate', '50', '--seconds', '1', '--json']
    )
    assert shown.exit_code == 0, shown.output
    figures = json.loads(shown.stdout.splitlines()[-1])
    assert figures['rates']['50']['commands'] > 10
    assert figures['keep_out']['check_ms']['count'] == 4000
