# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: verbs load when called, and what is missing is named with its remedy."""

import importlib
import json
import os
import re
import sys

import pytest
import typer
from typer.testing import CliRunner

from world_model_ros.bench import measure as _measure
from world_model_ros.cli import bench, lazy, main
from world_model_ros.contract import find_robot, interface_hash, load_contract, unlearnable
from world_model_ros.deploy import machine

runner = CliRunner(env={'COLUMNS': '400'})


def test_help_names_every_verb_and_imports_none():
    before = set(sys.modules)
    shown = runner.invoke(main.app, ['--help'])
    assert shown.exit_code == 0
    assert all(verb in shown.output for verb in main.VERBS)
    loaded = set(sys.modules) - before
    assert not loaded & {verb.module for verb in main.VERBS.values()}


@pytest.mark.parametrize('table', [main.VERBS, bench.VERBS], ids=['world-model', 'bench'])
def test_every_verb_of_a_table_is_there(table):
    for verb in table.values():
        assert callable(getattr(importlib.import_module(verb.module), verb.attribute))


def test_an_unknown_verb_suggests_the_nearest():
    shown = runner.invoke(main.app, ['dmeo'])
    assert shown.exit_code == 2
    assert 'demo' in shown.output


def test_a_verb_runs_with_its_own_arguments():
    group = lazy.lazy_group({'echo': lazy.Verb(__name__, 'echo_command', 'Repeat a word.')})
    app = typer.Typer(cls=group)
    app.callback()(lambda: None)
    assert runner.invoke(app, ['echo', 'word', '--times', '2']).output == 'wordword\n'


def echo_command(word: str, times: int = 1) -> None:
    """Repeat a word."""
    typer.echo(word * times)


@pytest.mark.parametrize(
    ('module', 'expected'),
    [
        ('torch', 'world_model_ros[train]'),
        ('onnxruntime.capi', 'world_model_ros[cpu]'),
        ('mujoco', 'world_model_ros[sim]'),
        ('rclpy', 'setup.bash'),
    ],
)
def test_a_missing_optional_module_names_its_extra(module, expected):
    text = lazy.missing_module_text(ModuleNotFoundError('gone', name=module))
    assert expected in text


def test_a_missing_module_of_our_own_stays_a_bug():
    assert lazy.missing_module_text(ModuleNotFoundError('x', name='world_model_ros.gone')) is None


def test_a_missing_extra_ends_the_command_in_one_line(monkeypatch, capsys):
    def torn(*_args, **_words):
        raise ModuleNotFoundError("No module named 'torch'", name='torch')

    monkeypatch.setattr(main, 'app', torn)
    with pytest.raises(SystemExit) as stopped:
        main.main()
    assert stopped.value.code == 1
    assert capsys.readouterr().err.count('\n') == 1


def test_bundle_check_of_nothing_exits_with_one_and_says_why(tmp_path):
    shown = runner.invoke(main.app, ['bundle', 'check', str(tmp_path), '--json'])
    assert shown.exit_code == 1
    told = json.loads(shown.output)
    assert told['whole'] is False
    assert 'manifest.json' in told['wrong'][0]


@pytest.mark.parametrize('name', ['reacher', 'cartpole', 'unfriendly_arm'])
def test_contract_check_says_what_a_robot_file_means(name):
    shown = runner.invoke(main.app, ['contract', 'check', name])
    assert shown.exit_code == 0, shown.output
    contract = load_contract(name)
    for stream in contract.streams:
        assert f'{stream.name}: {stream.topic}' in shown.output
    for joint, low, high in zip(
        contract.action.names, contract.action.low, contract.action.high, strict=True
    ):
        assert f'{joint}: {low:g} to {high:g}' in shown.output
    told = json.loads(runner.invoke(main.app, ['contract', 'check', name, '--json']).output)
    assert told['valid'] and told['interface_hash'] == interface_hash(contract)


def test_contract_check_says_who_begins_an_episode_and_warns(tmp_path):
    text = find_robot('reacher').read_text().replace('max_age: 0.06', 'max_age: 0.025')
    file = tmp_path / 'mine.yaml'
    file.write_text(re.sub(r'^episode:.*$', '', text, flags=re.M))
    shown = runner.invoke(main.app, ['contract', 'check', str(file)])
    assert shown.exit_code == 0 and 'somebody calls agent/start_episode' in shown.output
    assert 'warning: streams.joints.max_age is 0.025' in shown.output


def test_contract_check_lists_every_fault_once_and_exits_with_one(tmp_path):
    file = tmp_path / 'mine.yaml'
    text = find_robot('reacher').read_text()
    file.write_text(text.replace('period:', 'perod:').replace('safe: zero', 'safe: run'))
    shown = runner.invoke(main.app, ['contract', 'check', str(file)])
    assert shown.exit_code == 1
    assert shown.output.count('control.perod') == shown.output.count('action.safe') == 1
    told = json.loads(runner.invoke(main.app, ['contract', 'check', str(file), '--json']).output)
    assert not told['valid'] and any('action.safe' in problem for problem in told['problems'])


def test_contract_check_opens_the_urdf(tmp_path):
    file = tmp_path / 'robot.yaml'
    guard = 'guard: {urdf: arm.urdf, collision: {distance: 0.02}}'
    text = find_robot('unfriendly_arm').read_text()
    file.write_text(f'{text}\n{guard}\n')
    shown = runner.invoke(main.app, ['contract', 'check', str(file)])
    assert shown.exit_code == 1 and 'arm.urdf: unreadable' in shown.output.replace('\n', '')
    told = json.loads(runner.invoke(main.app, ['contract', 'check', str(file), '--json']).output)
    assert not told['valid'] and 'arm.urdf' in told['problems'][0]


def test_contract_check_asks_a_family_with_the_words_of_the_trainer(tmp_path):
    pytest.importorskip('torch')
    file = tmp_path / 'mine.yaml'
    file.write_text(find_robot('reacher').read_text().replace('[64, 64, 3]', '[50, 64, 3]'))
    line = ['contract', 'check', str(file)]
    assert runner.invoke(main.app, line).exit_code == 0  # another family may take it
    shown = runner.invoke(main.app, [*line, '--family', 'dreamer'])
    assert shown.exit_code == 1 and 'multiples of 8' in shown.output
    told = json.loads(runner.invoke(main.app, [*line, '--family', 'dreamer', '--json']).output)
    assert not told['valid'] and told['problems'] == unlearnable(load_contract(file))
    unknown = runner.invoke(main.app, [*line, '--family', 'dreemer'])
    assert unknown.exit_code == 1 and 'there are: dreamer' in unknown.output
    line = ['contract', 'check', 'reacher', '--family', 'dreamer']
    assert runner.invoke(main.app, line).exit_code == 0


def test_bundle_check_takes_a_shipped_name_and_names_those_there_are():
    assert runner.invoke(main.app, ['bundle', 'check', 'cartpole']).exit_code == 0
    shown = runner.invoke(main.app, ['bundle', 'check', 'cartpol'])
    assert shown.exit_code == 1 and "did you mean 'cartpole'" in shown.output


def test_what_is_started_stays_on_this_machine_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(main, 'app', lambda **_words: None)
    monkeypatch.delenv('ROS_AUTOMATIC_DISCOVERY_RANGE', raising=False)
    monkeypatch.setenv('MUJOCO_GL', 'osmesa')
    main.main()
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert os.environ['MUJOCO_GL'] == 'osmesa'


def test_doctor_answers_for_this_machine():
    shown = runner.invoke(main.app, ['doctor', '--json'])
    told = json.loads(shown.output)
    assert {row['what'] for row in told['findings']} >= {'python', 'onnxruntime', 'libEGL.so.1'}
    assert shown.exit_code == (0 if told['well'] else 1)


def test_doctor_refuses_two_flavours_of_onnx_runtime():
    finding = machine.onnxruntime_finding({'onnxruntime', 'onnxruntime-gpu'})
    assert finding.ok is False
    assert 'uninstall' in finding.text


def test_the_sleeping_control_counts_its_wakes():
    figures = _measure.SleepingLoop(0.005).run(0.1)
    assert 1 <= figures['wake_late_ms']['count'] <= 20
    assert figures['wake_late_ms']['p50'] >= 0.0
