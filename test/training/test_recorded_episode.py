# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a robot's bag to a model that knows it: one recorded episode is learned by heart."""

from pathlib import Path

import pytest
import torch

pytest.importorskip('mujoco')
from recorded import record

from world_model_ros.experience import EpisodeReader, parity, to_arrays
from world_model_ros.families.dreamer.algorithm import Learner, LearnerConfig
from world_model_ros.families.dreamer.filtering import embed_windows, filter_windows
from world_model_ros.families.dreamer.net import Dreamer, DreamerConfig

TICKS = 60
LENGTH = 15  # ticks in a window
UPDATES = 300
MEDIUM = DreamerConfig(
    deter=64, groups=8, classes=8, hidden=64, head=64, widths=(8, 16, 32), embed=64
)
# Behaviour is not what is tested here; free nats let a belief hold all that a picture shows.
RECIPE = LearnerConfig(
    batch=4, length=LENGTH, decode_share=1.0, starts=4, horizon=1, warmup_updates=20,
    model_lr=3e-3, picture_scale=3.0, free_nats=3.0, bf16=False,
)  # fmt: skip


@pytest.fixture(scope='module')
def episode(tmp_path_factory) -> Path:
    """A bag of the simulated cartpole, pushed to and fro so that its pole swings."""
    return record(tmp_path_factory.mktemp('bag'), 'swing', TICKS)


@pytest.fixture(scope='module')
def rows(episode) -> dict[str, torch.Tensor]:
    arrays = to_arrays(episode)
    assert arrays['observed'].all()
    return {name: torch.from_numpy(array) for name, array in arrays.items() if array.ndim}


def make_learner(episode: Path, rows: dict[str, torch.Tensor]) -> Learner:
    torch.manual_seed(0)
    model = Dreamer(EpisodeReader(episode).contract, MEDIUM)
    model.mean_joints.copy_(rows['obs_joints'].mean(0))
    model.scale_joints.copy_(rows['obs_joints'].std(0))
    return Learner(model, RECIPE)


def windows(rows: dict[str, torch.Tensor], starts: torch.Tensor, length: int) -> dict:
    """Batch [len(starts), length, ...]; the first tick of each window counts as first."""
    picked = starts[:, None] + torch.arange(length)
    batch = {name: array[picked] for name, array in rows.items()}
    batch['is_first'][:, 0] = True
    return batch


@torch.no_grad()
def errors(learner: Learner, rows: dict[str, torch.Tensor]) -> tuple[float, float]:
    """Mean squared error of pixels (0 to 1) and of rewards, filtering the whole episode."""
    torch.manual_seed(1)
    batch = windows(rows, torch.tensor([0]), TICKS)
    embedded = embed_windows(learner.model, batch)
    beliefs = filter_windows(learner.model, batch, embedded).beliefs
    painted = learner.model.decoders['camera'](beliefs[0]).permute(0, 2, 3, 1)
    picture = (painted - rows['obs_camera'] / 255.0).square().mean()
    before, after = beliefs[0, :-1], beliefs[0, 1:]
    predicted, _ = learner.model.outcomes(before, rows['action_sent'][1:], after)
    reward = (predicted - rows['reward'][1:]).square().mean()
    return float(picture), float(reward)


def test_the_recorded_episode_is_whole_and_moves(episode, rows):
    report = parity(episode)
    assert (report.rebuilt, report.lost_ticks) == (TICKS, 0)
    assert torch.isnan(rows['reward'][0]) and rows['reward'][1:].std() > 0.1
    assert rows['obs_camera'].float().std(0).max() > 20


def test_one_recorded_episode_is_learned_by_heart(episode, rows):
    learner = make_learner(episode, rows)
    untrained = errors(learner, rows)
    for _ in range(UPDATES):
        starts = torch.randint(0, TICKS - LENGTH + 1, (RECIPE.batch,))
        learner.update(windows(rows, starts, LENGTH))
    picture, reward = errors(learner, rows)
    assert picture < 0.01 * untrained[0] and reward < 0.2 * untrained[1]
    # Nor is it the episode's averages that were learned: what happens in it was.
    pixels = rows['obs_camera'] / 255.0
    assert picture < 0.7 * float((pixels - pixels.mean(0)).square().mean())
    assert reward < 0.25 * float(rows['reward'][1:].var())
