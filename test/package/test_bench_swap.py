# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench swap` measures real swaps: more burn-in, less change of the action."""

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('mujoco')

from world_model_ros.cli import main
from world_model_ros.contract import find_robot, load_contract

ROOT = Path(__file__).resolve().parents[2]


def test_a_bundle_that_forgets_is_swapped_for_itself_without_a_jolt(tmp_path):
    where = ROOT / 'test' / 'bundle' / 'tiny_bundle.py'
    spec = importlib.util.spec_from_file_location('tiny_bundle_for_bench_swap', where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bundle = module.make_tiny_bundle(tmp_path / 'b', load_contract(find_robot('reacher')))
    options = ['--bundle', str(bundle), '--episodes', '1', '--ticks', '95', '--json', '--returns']
    result = CliRunner(env={'COLUMNS': '400'}).invoke(main.app, ['bench', 'swap', *options])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output.splitlines()[-1])
    rows = {row['ticks']: row for row in figures['burn_in']}
    assert sorted(rows) == [1, 2, 4, 8, 16, 32, 64]
    assert figures['swaps'] == 3
    assert rows[1]['worst'] > rows[8]['worst'] > rows[32]['worst']
    assert rows[32]['worst'] < 1e-2 and figures['as_done']['worst'] == 0.0
    assert figures['goal']['reached'] == {'as_done': True, 'burn_in_alone': True}
    undisturbed, swapped = figures['returns']['undisturbed'], figures['returns']['swapped']
    assert len(undisturbed) == len(swapped) == 1
