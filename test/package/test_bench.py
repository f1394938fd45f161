# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks measure what they say: valid messages, whole ticks, named processes."""

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from world_model_ros.bench import all_nodes
from world_model_ros.bench.tick import Messages
from world_model_ros.bundle import BundleError, find_bundle
from world_model_ros.cli import main
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.onboard.tick.assembly import Assembler

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=['reacher', 'cartpole'])
def contract(request):
    return load_contract(find_robot(request.param))


@pytest.fixture
def tiny_bundle(tmp_path, contract):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    where = ROOT / 'test' / 'bundle' / 'tiny_bundle.py'
    spec = importlib.util.spec_from_file_location('tiny_bundle_for_bench', where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_tiny_bundle(tmp_path / contract.name, contract)


def test_made_up_messages_are_valid_observations_of_their_tick(contract):
    assembler, messages = Assembler(contract), Messages(contract)
    seen = []
    for t_ns in (1_000_000_000, 1_040_000_000):
        for name, cdr in messages.at(t_ns):
            assembler.store(name, cdr, t_ns)
        observation = assembler.assemble(t_ns)
        assert observation.valid, observation.samples
        assert observation.ages.max() == 0.0
        seen.append(observation.samples['camera'].checksum)
    assert seen[0] != seen[1]


def test_bench_tick_runs_every_iteration_and_ends_with_json(tiny_bundle):
    shown = CliRunner(env={'COLUMNS': '400'}).invoke(
        main.app,
        ['bench', 'tick', '--bundle', str(tiny_bundle), '--ticks', '100', '--no-eager', '--json'],
    )
    assert shown.exit_code == 0, shown.output
    figures = json.loads(shown.output.strip().splitlines()[-1])
    assert figures['iterations'] == 2.0
    assert figures['tick_ms']['count'] == 100
    assert figures['provider'].startswith(('cpu', 'cuda'))
    assert 0.0 < figures['tick_ms']['p50'] <= figures['tick_ms']['p99']
    assert figures['control_sleep_late_ms']['count'] == 10
    assert figures['untrained'] is False and figures['commit'] and figures['date']
    assert figures['versions']['onnxruntime']


def test_a_bundle_that_is_nowhere_is_refused_with_a_remedy():
    with pytest.raises(BundleError, match='world-model train'):
        find_bundle('no_such_bundle')


@pytest.mark.parametrize(
    ('line', 'name'),
    [
        (['python', '-m', 'world_model_ros.nodes.agent', '--ros-args'], 'agent'),
        (['python', '-m', 'world_model_ros.cli.main', 'demo'], 'demo'),
        (['/usr/bin/sleep', '1'], 'sleep'),
    ],
)
def test_processes_are_named_by_their_module(line, name):
    assert all_nodes._name(line) == name


def test_no_recorded_episode_gives_no_figures():
    assert all_nodes.recorded_figures([]) == {'recorded_ticks': 0, 'spare_ms': {}}


def test_jitter_is_the_distance_from_the_period_after_the_first_second(contract):
    step_s = 1.0 / contract.command_rate_hz
    heard = {
        'sent_interval_s': [9.0] * 50 + [step_s, step_s + 0.004],
        'chunk_interval_s': [],
        'guard_latency_s': [9.0] * 50 + [0.001],
    }
    figures = all_nodes.wall_clock_figures(heard, contract)
    assert figures['guard_jitter_ms']['max'] == pytest.approx(4.0)
    assert figures['guard_latency_ms']['max'] == pytest.approx(1.0)
    assert figures['tick_jitter_ms'] == {}
