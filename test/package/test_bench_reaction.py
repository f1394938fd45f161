# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench reaction`: what is counted as the reaction to a fault, and two real ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from world_model_ros.bench.reaction_figures import FAULTS, SETTLED, Command, acting, reaction, row
from world_model_ros.cli import main
from world_model_ros.contract import find_robot, load_contract

PERIOD_S = 1 / 60


def commands(*parts):
    """Commands at a steady rate: (source, count), ..."""
    sources = [source for source, count in parts for _ in range(count)]
    return [Command(i * PERIOD_S, source) for i, source in enumerate(sources)]


@given(
    st.integers(1, 50), st.integers(0, 20), st.sampled_from(['safe', 'stopped', 'disabled']),
    st.floats(0.001, 1.0),
)  # fmt: skip
def test_the_reaction_is_the_first_safe_command_after_the_last_of_a_chunk(
    chunks, rests, source, before_s
):
    heard = commands(('chunk', chunks), ('chunk_rest', rests), (source, SETTLED))
    fault_s = (chunks + rests) * PERIOD_S - before_s
    found = reaction(heard, fault_s)
    assert found.after_fault_s == pytest.approx(before_s)
    assert found.after_chunk_s == pytest.approx(PERIOD_S)


def test_a_safe_command_of_a_moment_is_no_reaction():
    parts = [('chunk', 60), ('safe', 2), ('chunk', 5), ('stopped', SETTLED)]
    heard = commands(*parts)
    assert reaction(heard, 59.5 * PERIOD_S).after_fault_s == pytest.approx(7.5 * PERIOD_S)
    assert reaction(heard[:-1], 59.5 * PERIOD_S) is None
    assert not acting(heard) and acting(heard[:60]) and not acting(heard[: SETTLED - 1])


def test_a_robot_that_did_not_act_at_the_fault_measures_nothing():
    contract = load_contract(find_robot('unfriendly_arm'))
    heard = commands(('chunk', 60), ('safe', SETTLED))
    outcomes = [reaction(heard, 62 * PERIOD_S), reaction(heard, 58.4 * PERIOD_S)]
    figures = row(FAULTS['camera_lost'], contract, outcomes)
    assert figures['after_fault_ms'] == {'median': 26.7, 'max': 26.7, 'n': 1}
    assert figures['discarded'] == 1
    assert 'reached' not in row(FAULTS['camera_lost'], contract, outcomes[:1])


def test_goals_are_max_age_and_a_tick_or_the_timeout_and_a_command():
    contract = load_contract(find_robot('unfriendly_arm'))
    goals = {n: row(f, contract, []).get('goal_ms') for n, f in FAULTS.items()}
    assert goals == {
        'stop': None,
        'camera_lost': 133.3,
        'joints_lost': 63.3,
        'agent_killed': 216.7,
        'agent_hung': 216.7,
        'disabled': None,
    }


def test_an_unknown_fault_is_refused_before_anything_starts():
    result = CliRunner(env={'COLUMNS': '400'}).invoke(
        main.app, ['bench', 'reaction', '--fault', 'earthquake']
    )
    assert result.exit_code == 2 and 'camera_lost' in result.output


@pytest.mark.ros
def test_stop_and_disable_are_measured_on_real_processes(monkeypatch, tmp_path):
    pytest.importorskip('rclpy')
    for name in ('ROS_DOMAIN_ID', 'ROS_AUTOMATIC_DISCOVERY_RANGE'):
        monkeypatch.setenv(name, '0')  # so that what the command sets is taken back
    # For a busy machine with two cores: inputs may be older, and decisions are fewer.
    text = find_robot('unfriendly_arm').read_text()
    for shipped, patient in (
        ('max_age: 0.1', 'max_age: 0.3'),
        ('max_age: 0.03', 'max_age: 0.1'),
        ('rate: 30.0', 'rate: 10.0'),
        ('rate: 100.0', 'rate: 30.0'),
        ('period: 0.033333333', 'period: 0.1'),
        ('command_timeout: 0.2', 'command_timeout: 0.4'),
    ):
        assert shipped in text
        text = text.replace(shipped, patient)
    path = tmp_path / 'arm.yaml'
    path.write_text(text)
    line = ['bench', 'reaction', '--runs', '1', '--robot', str(path), '--json']
    result = CliRunner(env={'COLUMNS': '400'}).invoke(
        main.app, [*line, '--fault', 'stop', '--fault', 'disabled']
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output.splitlines()[-1])
    assert set(figures['faults']) == {'stop', 'disabled'}
    for figure in figures['faults'].values():
        assert figure['after_fault_ms']['n'] == 1 and figure['after_fault_ms']['max'] > 0.0
