# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A contract's reward function rates recorded ticks as simulated ones; its faults are one line."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import recorded
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from world_model_ros.cli.main import app
from world_model_ros.contract import (
    ContractError,
    contract_hash,
    interface_hash,
    load_contract,
    parse_contract,
)
from world_model_ros.plugins import PluginError
from world_model_ros.reward_function import reward_function, rewards
from world_model_ros.robots import make_env
from world_model_ros.training.data.parse_child import answer_for
from world_model_ros.training.data.parse_limits import answer_spec

SOURCE = """
import numpy as np
def upright(arrays):
    return np.cos(arrays['obs_joints'][:, 0]) - 0.01 * arrays['action_sent'][:, 0] ** 2
def change(arrays):
    place = arrays['obs_joints'][:, 0]
    return np.diff(place, prepend=place[:1])
def fails(arrays):
    return arrays['no_such_array']
def short(arrays):
    return np.zeros(1)
def endless(arrays):
    return np.full(len(arrays['is_first']), np.inf)
"""
REACHER = load_contract('reacher')


@pytest.fixture(autouse=True)
def task(tmp_path, monkeypatch):
    (tmp_path / 'my_task.py').write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    reward_function.cache_clear()
    yield
    sys.modules.pop('my_task', None)
    reward_function.cache_clear()


def rated(function, contract=None):
    contract = contract or recorded.robot()
    return dataclasses.replace(
        contract, reward=dataclasses.replace(contract.reward, function=f'my_task:{function}')
    )


@pytest.mark.parametrize('function', ['upright', 'change'])
def test_recorded_ticks_are_rated_like_simulated_ones(tmp_path, function):
    folder = recorded.record(tmp_path / 'episodes', recorded.TRAINED[0], ticks=20)
    env = make_env(rated(function), 0)
    step, simulated = env.reset(0), []
    for tick in range(19):
        step = env.step(recorded.swing(tick))
        simulated.append(step.reward)
    env.close()
    (tmp_path / 'out').mkdir()
    contract = rated(function)
    assert answer_for(folder, tmp_path / 'out', contract) == {'ticks': 20}
    dtype = answer_spec(contract)['reward'][1]
    written = np.fromfile(tmp_path / 'out' / 'reward.bin', dtype)
    assert np.isnan(written[0]) and np.ptp(written[1:]) > 0
    np.testing.assert_allclose(written[1:], simulated, atol=1e-6)


def test_an_episode_is_not_refused_for_the_fault_of_a_function(tmp_path):
    folder = recorded.record(tmp_path / 'episodes', recorded.TRAINED[0], ticks=20)
    answer = answer_for(folder, tmp_path, rated('fails'))
    assert list(answer) == ['later'] and 'my_task:fails' in answer['later']


@pytest.mark.parametrize(
    ('function', 'words'),
    [
        ('fails', "fails .KeyError: 'no_such_array'"),
        ('short', r'returns shape \[1\], expected \[3\]'),
        ('endless', 'infinite'),
        ('np', 'is a module, no function'),
        ('nowhere', "has no attribute 'nowhere'"),
    ],
)
def test_a_function_that_cannot_rate_is_named_in_one_line(function, words):
    with pytest.raises(PluginError, match=words) as caught:
        rewards(f'my_task:{function}', {'is_first': np.zeros(3, bool)})
    assert f'my_task:{function}' in str(caught.value) and '\n' not in str(caught.value)


def test_training_refuses_a_function_that_is_not_there_before_it_begins(tmp_path):
    path = tmp_path / 'robot.yaml'
    path.write_text(REACHER.text.replace('sampling: sum', 'function: "no_such_package.x:y"'))
    for line in (
        ['train-sim', str(path), '--frames', '9'],
        ['train', 's', '--contract', str(path)],
    ):
        result = CliRunner(env={'COLUMNS': '400'}).invoke(app, line)
        (text,) = result.stderr.strip().splitlines()
        assert result.exit_code == 1 and 'no_such_package' in text and 'reward.function' in text


def test_the_key_is_in_no_hash_while_it_is_left_out():
    named = parse_contract(REACHER.text.replace('sampling: sum', 'function: "my_task:upright"'))
    assert named.reward.function == 'my_task:upright' and REACHER.reward.function == ''
    assert contract_hash(named) != contract_hash(REACHER)
    assert interface_hash(named) == interface_hash(REACHER)


@given(st.text(max_size=20))
def test_any_text_is_a_function_name_or_a_contract_error(text):
    quoted = "'" + text.replace("'", "''") + "'"
    try:
        contract = parse_contract(REACHER.text.replace('sampling: sum', f'function: {quoted}'))
    except ContractError:
        return
    assert contract.reward.function in ('', text)
