# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench update` measures what it says, on a device and on the CPU in turns."""

from __future__ import annotations

import json

import pytest
import recorded
from elsewhere import AWAY, away
from typer.testing import CliRunner

from world_model_ros.cli.bench import app
from world_model_ros.contract import load_contract
from world_model_ros.families.device import CPU, ON_CPU, Chosen
from world_model_ros.training import bench_update
from world_model_ros.training.bench_update import Parts, Sizes

SMALL = Sizes(2, 3, 1, recipe=recorded.QUICK, model=recorded.SMALL)
PARTS = {
    *('sample', 'transfer', 'encode', 'observe', 'decode', 'imagine', 'value'),
    *('backward', 'optimise', 'average'),
}


def measured(chosen):
    figures = {}
    steps = list(
        bench_update.bench_update(load_contract('cartpole'), 'dreamer', chosen, SMALL, figures)
    )
    json.dumps(figures, allow_nan=False)
    return figures, steps


def check(side):
    assert len(side['updates_per_s_rounds']) == SMALL.rounds
    low, median, high = sorted(side['updates_per_s_rounds'])
    assert low <= side['updates_per_s'] == median <= high
    assert set(side['shares']) == PARTS
    assert sum(side['shares'].values()) == pytest.approx(1.0, abs=0.01)


def test_on_the_cpu_alone_there_is_nothing_to_compare_with():
    figures, _ = measured(ON_CPU)
    check(figures)
    assert figures['device'] == 'cpu' and figures['bf16'] is False
    assert figures['batch'] == recorded.QUICK.batch and figures['parameters'] > 1_000
    assert 'on_cpu' not in figures and 'ratio' not in figures


def test_another_device_is_measured_in_turns_with_the_cpu(monkeypatch):
    turns = []
    one_round = bench_update.Side.round

    def note(side, updates):
        turns.append(side.device)
        one_round(side, updates)

    monkeypatch.setattr(bench_update.Side, 'round', note)
    with away():
        figures, _ = measured(Chosen(AWAY))
    check(figures)
    check(figures['on_cpu'])
    assert figures['device'] == 'meta' and figures['on_cpu']['device'] == 'cpu'
    assert turns == [AWAY, CPU] * SMALL.rounds
    assert figures['ratio'] > 0.0


def test_time_between_marks_is_that_of_the_part_that_began(monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 7.0, 50.0, 51.0])
    monkeypatch.setattr(bench_update.time, 'perf_counter', lambda: next(clock))
    parts = Parts(CPU)
    for name in ('a', 'b', 'a', '', 'b', ''):
        parts.mark(name)
    assert parts.spent_s == {'a': 5.0, 'b': 3.0}


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['--device', 'gpu'], "device is 'gpu'; expected auto, cpu, cuda or cuda:N"),
        (['--device', 'cuda:99'], 'device cuda:99 cannot be used: '),
        (['--family', 'nosuch'], 'nosuch'),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(arguments, words):
    result = CliRunner(env={'COLUMNS': '400'}).invoke(app, ['update', *arguments])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert words in result.stderr and 'Traceback' not in result.stderr
    assert result.stderr.splitlines()[-1].startswith('world-model: ')


def test_the_command_ends_with_json_and_names_the_machine():
    arguments = ['update', '--robot', 'cartpole', '--device', 'cpu', '--updates', '1']
    arguments += ['--rounds', '1', '--threads', '1', '--json']
    result = CliRunner(env={'COLUMNS': '400'}).invoke(app, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout.splitlines()[-1])
    assert {'machine', 'date', 'torch', 'robot', 'family', 'threads'} <= set(figures)
    assert 'updates/s' in result.stdout and 'imagine' in result.stdout
