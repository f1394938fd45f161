# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench align` records, aligns and scores for real, here at the smallest size."""

from __future__ import annotations

import json

import pytest

pytest.importorskip('mujoco')
from typer.testing import CliRunner

from world_model_ros.cli.bench import app
from world_model_ros.families.dreamer import family
from world_model_ros.families.dreamer.alignment import AlignConfig
from world_model_ros.families.dreamer.shift_fit import FitConfig
from world_model_ros.families.dreamer.shift_search import Windows

SHORT = Windows(4, 3)
FIT = FitConfig(turns=(0.25,), try_steps=2, tries=SHORT, steps=20, best=SHORT, motor_steps=3)
SMALL = AlignConfig(ticks=80, fit=FIT, batch=4, length=4, retrain_steps=3)


@pytest.mark.parametrize('source', ['--simulator', '--no-simulator'])
def test_it_scores_before_and_after_and_names_what_was_found(source, monkeypatch):
    monkeypatch.setattr(family, 'AlignConfig', lambda: SMALL)
    arguments = ['align', '--robot', 'cartpole', '--episodes', '1', source, '--json']
    result = CliRunner(env={'COLUMNS': '400'}).invoke(app, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures['reality'] == 'shifted_cartpole' and figures['episodes'] == 1
    assert figures['simulator'] == (source == '--simulator')
    assert figures['events'] and figures['events'][0]['camera'] == 'camera'
    assert figures['nominal_before'] > 5 * figures['shifted_cartpole_before']
    assert set(figures['returns']) == {
        'shifted_cartpole before', 'shifted_cartpole after', 'nominal before', 'nominal after'
    }  # fmt: skip


@pytest.mark.parametrize('wrong', [('--reality', 'nosuch'), ('--robot', 'nosuch')])
def test_what_is_not_there_is_named_in_one_message(wrong):
    result = CliRunner(env={'COLUMNS': '400'}).invoke(app, ['align', *wrong])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert 'nosuch' in result.stderr and 'Traceback' not in result.stderr
