# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A fixed small set of the attacks on the updater: every row by hand, and some at random."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from world_model_ros.bench.chaos.updater_rows import ROWS

AT_RANDOM = 6


def test_no_rule_breaks():
    # In a process of its own: what memory it takes is one of the rules, and the allocator of a
    # process that has run a thousand other tests keeps what it gets.
    command = [sys.executable, '-m', 'world_model_ros.cli.main', 'chaos', 'updater', '--json']
    runs = len(ROWS) + AT_RANDOM
    done = subprocess.run(
        [*command, '--runs', str(runs), '--seed', '15'],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert found['first_violations'] == [], found
    assert found['violations'] == 0 and found['runs'] == runs and done.returncode == 0
    assert {f'row: {name}' for name in ROWS} <= set(found['checked'])
