# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench delay`, `bench latency` and `bench soak`: what they make of what they measure."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('mujoco')

from world_model_ros.bench.delay import slow_driver
from world_model_ros.bench.frame_latency import make_robot, retimed
from world_model_ros.bench.latency_figures import latency_figures
from world_model_ros.bench.soak import FAULTS, growth
from world_model_ros.bundle import check_bundle, find_bundle
from world_model_ros.cli import main
from world_model_ros.contract import find_robot, load_contract

ROOT = Path(__file__).resolve().parents[2]
REACHER = load_contract(find_robot('reacher'))


@pytest.fixture
def tiny_bundle(tmp_path):
    where = ROOT / 'test' / 'bundle' / 'tiny_bundle.py'
    spec = importlib.util.spec_from_file_location('tiny_bundle_for_bench_delays', where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_tiny_bundle(tmp_path / 'tiny', REACHER)


def world_model(*line):
    """Run a command; its last line as JSON."""
    result = CliRunner(env={'COLUMNS': '400'}).invoke(main.app, [*map(str, line), '--json'])
    assert result.exit_code == 0, result.output
    return json.loads(result.output.splitlines()[-1])


def test_a_slow_driver_waits_for_a_whole_number_of_frames():
    assert slow_driver(REACHER, 0.1).action_delay_frames == 5
    assert slow_driver(load_contract(find_robot('cartpole')), 0.1).action_delay_frames == 10
    for delay_s in (0.0, 0.03):
        with pytest.raises(ValueError, match=r'frames of 0\.02 s'):
            slow_driver(REACHER, delay_s)


def test_latency_is_from_the_frame_to_its_first_chunk_after_the_warm_up():
    second, offset = 10**9, 33_000_000
    frames = [second * k for k in range(10)]
    chunks = [(t + offset, t + 20_000_000) for t in frames[:-1]]
    chunks += [(frames[4] + offset, frames[4] + 90_000_000)]  # sent again: the first one counts
    chunks += [(123, 456)]  # of no frame
    commands = [(t, t + 1_000_000 * (1 + k % 2)) for k, t in enumerate(frames)]
    figures = latency_figures(
        frames,
        chunks,
        commands,
        {'graph_ms.p50': '15', 'graph_ms.p99': '30', 'overhead_ms.p50': '1.2'},
        {'wake_late_ms': {'p50': 0.1, 'p99': 0.2}},
        offset,
    )
    assert (figures['frames'], figures['chunks']) == (8, 7)
    assert figures['latency_ms']['p50'] == figures['latency_ms']['max'] == pytest.approx(20.0)
    assert figures['latency_over_graph_ms'] == {'p50': 5.0, 'p99': 5.0}
    assert figures['command_jitter_over_bare_ms'] == pytest.approx(0.4, abs=0.1)
    assert figures['goals'] == dict.fromkeys(
        ('p50_over_graph', 'p99_over_graph', 'jitter', 'overhead'), True
    )


@pytest.mark.ros
def test_what_is_started_as_a_process_of_its_own_is_there():
    pytest.importorskip('rclpy')
    for name in ('latency_load', 'latency_probe'):
        assert importlib.import_module(f'world_model_ros.nodes.load.{name}').main


def test_nothing_heard_gives_no_goal():
    figures = latency_figures([], [], [], {}, {}, 1)
    assert figures['goals'] == {} and figures['latency_ms'] == {}


def test_the_robot_that_is_measured_triggers_ticks_by_a_large_camera_at_30_hz(
    tmp_path, tiny_bundle
):
    contract = make_robot(REACHER, tmp_path / 'fast.yaml')
    assert contract.tick_source == 'stream' and contract.tick_stream == 'camera'
    assert contract.period_s == pytest.approx(1 / 30)
    assert contract.stream('camera').fit == 'crop'
    for name, bundle in (('fast', tiny_bundle), ('shipped', find_bundle('reacher'))):
        assert check_bundle(retimed(bundle, contract, tmp_path / name), contract) == []


def test_growth_is_that_of_the_last_nine_tenths():
    still = [(k, 100.0 + (50.0 if k < 8 else 60.0)) for k in range(100)]
    assert growth(still)['growth_mb'] == 0.0 and growth(still)['goal']['reached']
    leak = [(k, 100.0 + 0.1 * k) for k in range(100)]
    assert growth(leak)['growth_mb'] == pytest.approx(8.0) and not growth(leak)['goal']['reached']
    assert 'growth_mb' not in growth(leak[:3])


def test_soak_lives_through_faults(tiny_bundle):
    figures = world_model('bench', 'soak', '--bundle', tiny_bundle, '--ticks', 300, '--seed', 3)
    assert figures['ticks_run'] >= 300 and figures['records'] == figures['ticks_run']
    assert set(figures['faults']) >= {'frame_lost', 'joints_lost'}
    assert set(figures['faults']) <= set(FAULTS)
    assert len(figures['memory_mb']) >= 50


def test_delay_compares_three_variants_on_the_same_seeds(tiny_bundle, monkeypatch):
    from world_model_ros.bench import delay

    jobs = []

    def run_arms(job, arms, seeds, _jobs):
        jobs.append((job.reality.action_delay_frames, job.extra_delay_s, list(seeds)))
        returns = {0: 900.0, 5: 500.0 if not job.extra_delay_s else 860.0}
        value = returns[job.reality.action_delay_frames]
        row = type('Row', (), {'episode_return': value})
        return {'plan': [row for _ in seeds]}

    monkeypatch.setattr(delay, 'run_arms', run_arms)
    monkeypatch.setattr(delay, 'measured_s', lambda job: 0.08)
    line = ['bench', 'delay', '--robot', 'reacher', '--bundle', tiny_bundle]
    figures = world_model(*line, '--episodes', 2, '--selection')
    assert figures['loss'] == pytest.approx(4 / 9, abs=1e-4)
    assert figures['regained'] == pytest.approx(0.9) and figures['goal']['reached']
    assert figures['measured_delay_ms'] == figures['compensated_delay_ms'] == 80.0
    assert [job[:2] for job in jobs] == [(0, 0.0), (5, 0.0), (5, 0.08)]
    assert all(job[2] == [10_000, 10_001] for job in jobs)
    assert world_model(*line, '--extra-delay', 0.1)['compensated_delay_ms'] == 100.0


def test_command_jitter_of_a_constant_delay_is_none():
    frames = [10**9 * k for k in range(10)]
    commands = [(t, t + 5_000_000) for t in frames]
    bare = {'wake_late_ms': {'p50': 0.1, 'p99': 0.1}}
    figures = latency_figures(frames, [], commands, {}, bare, 1)
    assert figures['command_jitter_over_bare_ms'] == 0.0
    assert np.isclose(figures['command_late_ms']['p50'], 5.0)
