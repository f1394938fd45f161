# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A fixed small set of the injectors' runs, and that they can see a broken rule."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')  # the shipper lies in nodes/

from world_model_ros.bench.chaos import recorder_runs, store_runs
from world_model_ros.experience.record import recover


@pytest.mark.parametrize('part', [recorder_runs, store_runs], ids=['recorder', 'store'])
def test_a_small_set_of_faults_breaks_no_rule(part, tmp_path: Path) -> None:
    checked: Counter[str] = Counter()
    for index in range(12):
        folder = tmp_path / str(index)
        folder.mkdir()
        rng = np.random.default_rng([0, index])
        assert part.one_run(index, rng, folder, checked) == []
    assert len(checked) > 8


def test_the_injector_sees_a_message_that_is_lost(tmp_path: Path, monkeypatch) -> None:
    seal = recover._seal

    def forgetful(active: Path, file: Path, *rest: object) -> bool:
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2])
        return seal(active, file, *rest)

    monkeypatch.setattr(recover, '_seal', forgetful)
    found = []
    for index in range(6):
        folder = tmp_path / str(index)
        folder.mkdir()
        found += recorder_runs._leftover(np.random.default_rng([0, index]), folder, Counter())
    assert {violation.rule for violation in found} & {'lost', 'blocked'}
