# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recorded episodes, a store and a small learner file for tests of the trainer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch


@pytest.fixture(scope='module', autouse=True)
def same_draws_in_every_order():
    """What a file's own fixtures draw does not hang on the files before it."""
    torch.manual_seed(0)


@pytest.fixture()
def store(tmp_path):
    """An empty folder store."""
    from world_model_ros.store import open_store

    return open_store(tmp_path / 'store', create=True)


@pytest.fixture(scope='session')
def bags() -> dict[str, Path]:
    """Recorded episodes by uuid: six to learn from, one held out. Nobody may change them."""
    import recorded
    from made_once import made_once
    from served import TICKS

    uuids = [*recorded.TRAINED[:6], recorded.HELD_OUT]

    def make(root: Path) -> None:
        for seed, uuid in enumerate(uuids):
            recorded.record(root, uuid, TICKS, seed=seed)

    root = made_once('bags', make)
    return {uuid: root / uuid for uuid in uuids}


@pytest.fixture(scope='session')
def learner_file(tmp_path_factory) -> Path:
    """Weights of a small untrained model."""
    import recorded

    from world_model_ros.families.dreamer.algorithm import Learner
    from world_model_ros.families.dreamer.net import Dreamer
    from world_model_ros.training.core.learner_file import write_shipped

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('start') / 'cartpole.learner.safetensors'
    write_shipped(path, Learner(Dreamer(recorded.robot(), recorded.SMALL), recorded.QUICK))
    return path
