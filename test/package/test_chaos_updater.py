# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A fixed small set of the attacks on the updater: every row by hand, and some at random."""

from __future__ import annotations

import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from collections import Counter

import numpy as np

from world_model_ros.bench.chaos.updater_rows import ROWS
from world_model_ros.bench.chaos.updater_runs import one_run

AT_RANDOM = 6


@pytest.mark.parametrize('index', range(len(ROWS) + AT_RANDOM))
def test_no_rule_breaks(index, tmp_path):
    checked = Counter()
    assert one_run(index, np.random.default_rng([15, index]), tmp_path, checked) == []
    assert checked
