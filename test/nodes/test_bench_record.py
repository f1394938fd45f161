# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench record` with a small load: what was published is what was recorded."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip('rclpy')

from world_model_ros.cli.bench_record import record_command

pytestmark = pytest.mark.ros


def test_a_small_load_is_recorded_without_loss() -> None:
    app = typer.Typer()
    app.command()(record_command)
    line = ['--seconds', '2', '--width', '64', '--height', '48', '--json']
    result = CliRunner(env={'COLUMNS': '400'}).invoke(app, line)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output.splitlines()[-1])
    assert (figures['lost'], figures['dropped']) == (0, 0)
    assert figures['recorded'] == figures['published'] == 2 * 130
