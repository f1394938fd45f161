# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A fixed small set of the attacks of `world-model chaos ingest`."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from world_model_ros.bench.chaos.episode_attacks import LISTED
from world_model_ros.bench.chaos.ingest_runs import one_run
from world_model_ros.bench.chaos.store_attacks import OBJECTS

NAMES = [attack.name for attack in LISTED] + list(OBJECTS)
SET = (
    'QoS is no YAML', 'no topics', 'announcement is deep', 'skipped is infinite',
    'zstd bomb of 256 MiB', 'lz4 frame of 4 TiB', 'record says 1 byte, object has 32 MiB',
    'record is deep', 'object is a pipe',
)  # fmt: skip


@pytest.mark.parametrize('index', [*(NAMES.index(name) for name in SET), 1001, 1002, 1003])
def test_an_attacked_trainer_settles_everything(tmp_path, index):
    checked: Counter[str] = Counter()
    assert one_run(index, np.random.default_rng([7, index]), tmp_path, checked) == []
    assert checked['ingested'] + checked['held_out'] >= 1
