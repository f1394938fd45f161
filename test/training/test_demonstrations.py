# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learning from a body's scripted controller: its ticks in replay, and imitation of them."""

import json

import numpy as np
import pytest
import torch
from small_learner import SMALL

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.families.dreamer.algorithm import LearnerConfig
from world_model_ros.planning.mppi import PlannerConfig
from world_model_ros.robots import NOMINAL, BodyError
from world_model_ros.training.core.collect import Lanes
from world_model_ros.training.core.run import Run, RunConfig
from world_model_ros.training.core.simulated import Source, export

BASE = load_contract(find_robot('diff_drive'))
QUICK = LearnerConfig(batch=4, length=8, starts=8, horizon=3, bf16=False)


def make(folder, contract=BASE, **more):
    config = RunConfig(
        frames=200, lanes=2, decisions_per_update=10, prefill=40, episode_ticks=20,
        evaluate_every=10**9, checkpoint_every_sec=1e9, threads=1, **more,
    )  # fmt: skip
    return Run(contract, folder, config, SMALL, QUICK)


def test_demonstrations_drive_to_the_post_and_what_is_recorded_was_done():
    lanes = Lanes(BASE, 2, 0, 60)
    bodies = [env.robot.body for env in lanes.envs]
    before = [body._rate() for body in bodies]
    for _ in range(20):
        lanes.act(None, demonstrate=True)
    assert all(body._rate() > was + 2.0 for body, was in zip(bodies, before, strict=True))
    sent = np.stack([tick['action_sent'] for tick in lanes.ticks()])
    assert np.abs(sent).max() > 0.1 and (sent >= BASE.action.low).all()
    for env in lanes.envs:
        env.close()


def test_a_body_without_a_scripted_controller_is_refused_before_anything_is_simulated(tmp_path):
    with pytest.raises(BodyError, match='no scripted controller'):
        make(tmp_path, load_contract(find_robot('cartpole')), demonstrations=100)


def test_imitation_sees_no_reward_and_its_bundle_does_not_plan(tmp_path):
    run = make(tmp_path / 'run', demonstrations=100, imitate=True)
    seen = []
    update = run.learner.update
    run.learner.update = lambda batch: seen.append(batch['reward']) or update(batch)
    run.go()
    assert seen and all(torch.isnan(reward).all() for reward in seen)
    assert np.isfinite(run.replay.arrays['reward'][:, 1 : run.replay.written]).any()
    export(run, tmp_path / 'bundle', Source(NOMINAL), None)
    manifest = json.loads((tmp_path / 'bundle' / 'manifest.json').read_text())
    assert manifest['planner']['iteration_count'] == 0 < PlannerConfig().iteration_count
    assert manifest['provenance']['policy'] == 'imitation'
    assert manifest['provenance']['demonstrations'] == 100
