# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A run in the simulator: it lives, learns, stops anywhere and goes on."""

import json

import numpy as np
import torch
from small_learner import SMALL

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.families.dreamer.algorithm import LearnerConfig
from world_model_ros.robots import Reality
from world_model_ros.training.core import checkpoint
from world_model_ros.training.core.collect import evaluate
from world_model_ros.training.core.learner_file import read_shipped, write_shipped
from world_model_ros.training.core.run import SELECTION_SEED, Run, RunConfig

QUICK = LearnerConfig(batch=4, length=8, starts=8, horizon=3, bf16=False)


def make(folder, frames: int, **more) -> Run:
    config = RunConfig(
        frames=frames, lanes=2, decisions_per_update=20, prefill=60, episode_ticks=20,
        evaluate_every=10**9, checkpoint_every_sec=1e9, threads=1,
    )  # fmt: skip
    return Run(load_contract(find_robot('cartpole')), folder, config, SMALL, QUICK, **more)


def test_killed_run_goes_on_from_its_checkpoint(tmp_path):
    run = make(tmp_path, frames=600)
    run.total_decisions = 100  # the kill
    run.go()
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    again = make(tmp_path, frames=600)
    assert again.decisions == run.decisions
    assert again.learner.updates == run.learner.updates > 0
    for key, value in again.model.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)
    again.go()
    assert again.frames >= 600
    assert again.learner.updates > run.learner.updates


def test_checkpoint_is_found_after_a_kill_between_its_two_renames(tmp_path):
    run = make(tmp_path, frames=400)
    run.go()
    folder = tmp_path / 'checkpoint'
    folder.rename(tmp_path / 'checkpoint.old')
    found = checkpoint.find(folder)
    assert found is not None
    assert json.loads((found / 'state.json').read_text())['updates'] == run.learner.updates


def test_scores_are_those_of_the_averaged_weights(tmp_path):
    run = make(tmp_path, frames=400)
    with torch.no_grad():  # push one way; the newest weights would push the other
        run.learner.average.policy_head.out.bias[0] = 3.0
        run.model.policy_head.out.bias[0] = -3.0
        run.model.policy_head.out.weight.normal_(0.0, 5.0)
    run.evaluate(1)
    average = evaluate(run.learner.average, run.contract, [SELECTION_SEED])
    assert [run.scored] == average != evaluate(run.model, run.contract, [SELECTION_SEED])


def test_normalisation_is_taken_from_data_and_frozen(tmp_path):
    run = make(tmp_path, frames=500)
    run.go()
    held = run.replay.arrays['obs_joints'][:, : run.replay.written]
    assert np.isfinite(held).all()
    assert float(run.model.scale_joints[0]) > 1e-3
    assert not run.model.scale_joints.requires_grad


def test_run_from_given_weights_lives_with_them_in_the_changed_robot_from_the_first_tick(tmp_path):
    teacher = make(tmp_path / 'teacher', frames=400)
    teacher.go()
    weights = tmp_path / 'a.learner.safetensors'
    write_shipped(weights, teacher.learner)
    start = read_shipped(weights, teacher.contract)
    weak = Reality(motor_strength=0.1, name='weak')
    run = make(tmp_path / 'run', 400, start=start, scored_in=weak, realities=lambda rng: weak)
    for key, value in teacher.learner.average.state_dict().items():
        torch.testing.assert_close(run.model.state_dict()[key], value, rtol=0, atol=0)
    assert {env.reality for env in run.lanes.envs} == {weak}
    asked = []
    run.lanes.act = lambda model: asked.append(model)
    run.total_decisions = 4
    run.go()
    assert asked == [run.model] * 2
    run.evaluate(1)
    scored = evaluate(run.learner.average, run.contract, [SELECTION_SEED], weak)
    assert (
        run.scored == scored[0] != evaluate(run.learner.average, run.contract, [SELECTION_SEED])[0]
    )
