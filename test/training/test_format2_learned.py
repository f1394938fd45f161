# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot of two command groups, joints in parts and a task: learned, exported, and it decides."""

from __future__ import annotations

import numpy as np
import pytest
import recorded
import torch
from shared_traces import shared_traces
from test_import_bags import bag, imported
from test_import_groups import HANDS, messages

from world_model_ros.bundle import check_bundle, load_bundle
from world_model_ros.experience import rebuild, to_arrays
from world_model_ros.families.dreamer.algorithm import Learner
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.training.export.export_bundle import export_bundle

FRAMES, LENGTH, UPDATES = 60, 8, 40


@pytest.fixture(scope='module')
def episode(tmp_path_factory):
    folder = tmp_path_factory.mktemp('hands')
    (found,) = imported(bag(folder, messages(FRAMES)), folder / 'out', HANDS)
    return found.path


def windows(episode, size: int = 4):
    """Batches of one episode: every array [size, LENGTH, …]."""
    arrays = to_arrays(episode)
    keys = ['ages', 'action_sent', 'reward', 'is_first', 'terminal']
    keys += [f'obs_{stream.name}' for stream in HANDS.sensed]
    rows = {key: torch.from_numpy(np.ascontiguousarray(arrays[key])) for key in keys}
    rows['obs_task'] = torch.from_numpy(np.ascontiguousarray(arrays['obs_task']))
    draws = torch.Generator().manual_seed(1)
    while True:
        at = torch.randint(0, FRAMES - LENGTH, (size,), generator=draws)
        yield {key: torch.stack([row[i : i + LENGTH] for i in at]) for key, row in rows.items()}


def test_it_is_learned_from_a_recording_and_its_bundle_decides_for_every_group(episode, tmp_path):
    torch.manual_seed(0)
    learner = Learner(Dreamer(HANDS, recorded.SMALL), recorded.QUICK)
    batches = windows(episode)
    losses = [learner.update(next(batches)) for _ in range(UPDATES)]
    for part in ('loss/vector', 'loss/picture_camera'):
        first, last = (np.mean([row[part] for row in rows]) for rows in (losses[:5], losses[-5:]))
        assert last < 0.8 * first, (part, first, last)

    folder = export_bundle(learner, tmp_path / 'bundle', {}, traced=shared_traces())
    assert check_bundle(folder, HANDS) == []
    brain = Brain(HANDS, load_bundle(folder, HANDS))
    brain.reset(0)
    sent, first = np.zeros(2, np.float32), True
    for tick in rebuild(episode):
        pending = sent[None]
        decision = brain.step(tick.observation, sent, pending, first, tick.record.tick)
        assert not decision.failure and decision.chunk.shape[1] == 2
        assert np.all(decision.chunk >= HANDS.limit_low) and np.all(
            decision.chunk <= HANDS.limit_high
        )
        sent, first = decision.chunk[0].astype(np.float32), False
