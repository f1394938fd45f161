# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plug-ins that are missing or broken: who is to blame is named, and what can go on does."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import toy_robot
from outside_package import write_package

from world_model_ros.contract import ContractError, kinds, load_contract, parse_contract
from world_model_ros.contract.command_kind import CommandKind
from world_model_ros.contract.kinds import COMMAND_KINDS, STREAM_KINDS, command_kind, stream_kind
from world_model_ros.contract.stream_kind import StreamKind
from world_model_ros.experience import EpisodeReader, to_arrays
from world_model_ros.experience.read.figures import episode_figures
from world_model_ros.experience.read.rebuild import parity
from world_model_ros.onboard.guard import Guard
from world_model_ros.wire.command_codec import encoder
from world_model_ros.wire.decode import StreamError, decode_stream

TEXT = toy_robot.FILE.read_text()
OURS = ', '.join(name for name in STREAM_KINDS if name != 'task')


def problems():
    with pytest.raises(ContractError) as caught:
        load_contract(toy_robot.FILE)
    return {problem.key: str(problem) for problem in caught.value.problems}


@pytest.fixture
def recorded(toy, tmp_path):
    """An episode of the toy robot; the package is uninstalled once it is written."""
    path, _ = toy_robot.write_episode(tmp_path / 'episodes')
    sys.path.remove(str(toy))
    kinds.forget()
    return path


def test_a_missing_plugin_is_named_by_key_and_remedy(fresh):
    found = problems()
    assert set(found) == {'streams.oven.kind', 'action.kind'}
    assert found['streams.oven.kind'] == (
        f"streams.oven.kind is 'temperature'; expected one of {OURS}; no stream kind of "
        'this name: install the plug-in that brings it'
    )
    assert 'no command kind of this name' in found['action.kind']


@pytest.mark.parametrize(
    ('source', 'reason'),
    [
        ('import thermometry\n', "ModuleNotFoundError: No module named 'thermometry'"),
        ('class Kind:\n    pass\n', 'hot-toy 1.2 is a Kind, not a StreamKind: derive it'),
        ('Kind = 7\n', 'is a int, not a StreamKind'),
        (
            'from world_model_ros.contract.stream_kind import StreamKind as Kind\n',
            'cannot be made: TypeError',
        ),
    ],
)
def test_a_plugin_that_fails_is_named_with_package_line_and_reason(
    fresh, tmp_path, monkeypatch, source, reason
):
    entries = {'world_model_ros.kinds': {'temperature': 'hot_toy:Kind'}}
    folder = write_package(tmp_path / 'hot', 'hot-toy', entries, source)
    monkeypatch.delitem(sys.modules, 'hot_toy', raising=False)
    monkeypatch.syspath_prepend(str(folder))
    line = problems()['streams.oven.kind']
    assert reason in line and 'hot' in line and '\n' not in line
    assert line.count(reason) == 1


def test_a_wrong_name_lists_what_is_known_and_the_plugins_that_failed(toy, tmp_path, monkeypatch):
    entries = {'world_model_ros.kinds': {'smell': 'cold_toy:Kind'}}
    monkeypatch.syspath_prepend(str(write_package(tmp_path / 'cold', 'cold-toy', entries)))
    kinds.forget()
    with pytest.raises(ContractError, match="did you mean 'temperature'") as caught:
        parse_contract(TEXT.replace('kind: temperature', 'kind: temprature'))
    (problem,) = caught.value.problems
    line = str(problem)
    assert f'expected one of {OURS}, temperature;' in line
    assert 'installed plug-ins that failed: ' in line and 'cold-toy 1.2' in line


def test_a_kind_of_commands_is_no_kind_of_streams(toy):
    with pytest.raises(ContractError, match='it is a command kind, no stream kind'):
        parse_contract(TEXT.replace('kind: temperature', 'kind: velocity_array'))
    with pytest.raises(ContractError, match='it is a stream kind, no command kind'):
        parse_contract(TEXT.replace('kind: velocity_array', 'kind: joints'))


def test_a_guard_without_its_command_kind_refuses_to_activate(fresh):
    contract = parse_contract(TEXT, keep_missing=True)
    guard = Guard(contract)
    assert "command kind 'velocity_array' cannot be used: no command kind" in guard.activate()
    assert not guard.active and not guard.sample(0, 0.0).send
    with pytest.raises(ValueError, match='cannot be used'):
        encoder(contract.groups[0])(0, np.zeros(2))


def test_an_old_recording_can_be_looked_at_without_the_plugin(recorded):
    reader = EpisodeReader(recorded)
    assert [stream.kind for stream in reader.contract.streams] == ['joints', 'temperature']
    with pytest.raises(StreamError, match="expected the kind 'temperature', got no stream kind"):
        decode_stream(reader.contract.stream('oven'), toy_robot.temperature(0, 1.0))
    figures = episode_figures(recorded)
    assert (figures.ticks, figures.total_reward) == (5, 10.0)
    assert figures.streams['oven'].missing == 0


def test_what_can_be_learned_without_the_plugin_is_learned(recorded):
    report = parity(recorded)
    assert (report.ticks, report.rebuilt, report.different) == (5, 5, 0)
    arrays = to_arrays(recorded)
    assert arrays['observed'].all() and 'obs_oven' not in arrays
    assert arrays['obs_joints'][:, 0].tolist() == [0, 1, 2, 3, 4]


def test_a_message_that_was_lost_is_missed_without_the_plugin_too(toy, tmp_path):
    path, _ = toy_robot.write_episode(tmp_path / 'episodes')
    other = tmp_path / 'other.yaml'
    without = TEXT[: TEXT.index('  oven:')] + TEXT[TEXT.index('action:') :]
    other.write_text(without)
    contract = load_contract(other)
    assert parity(path, contract).rebuilt == 5
    changed = parse_contract(without.replace('[left, right]', '[left, middle]', 1))
    report = parity(path, changed)
    assert report.different == 5 and 'middle' in report.first_problem


@pytest.mark.parametrize('name', [name for name in STREAM_KINDS if name != 'task'])
def test_every_stream_kind_of_ours_says_all_that_is_asked(name):
    kind = stream_kind(name)
    assert isinstance(kind, StreamKind) and kind.name == name and not kind.missing
    assert kind.message_type.count('/') == 2 and kind.keys


@pytest.mark.parametrize('name', [*COMMAND_KINDS])
def test_every_command_kind_of_ours_says_all_that_is_asked(name):
    kind = command_kind(name)
    assert isinstance(kind, CommandKind) and kind.name == name and not kind.missing
    assert kind.unit and kind.message_types and kind.safe
