# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arm that pushes a box onto a mark."""

import math

import numpy as np
import pytest

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.evaluation import ScriptedActor, run_episode
from world_model_ros.robots import make_env
from world_model_ros.robots.bodies import arm_push, jaco_body

ROBOT = load_contract(find_robot('arm_push'))


@pytest.fixture(scope='module')
def env():
    env = make_env(ROBOT, 0)
    yield env
    env.close()


def test_the_scripted_controller_pushes_the_box_onto_the_mark_and_is_paid_for_it(env):
    for seed in (10_000, 10_003):
        env.reset(seed)
        body = env.robot.body
        before = body._rate()
        assert body.to_mark_m >= arm_push.APART_M[0] - 1e-6
        result = run_episode(env, ScriptedActor(env), seed)
        assert result.outcome == 'success' and result.length < 300
        assert body.to_mark_m <= arm_push.ON_MARK_M
        paid = body._rate() - before + jaco_body.DONE
        assert result.episode_return == pytest.approx(paid, abs=1e-6)


def test_box_and_mark_lie_within_reach_apart_and_in_two_colours(env):
    for seed in range(10_000, 10_030):
        env.robot.reset(seed)
        body = env.robot.body
        mark = body.data.mocap_pos[0, :2]
        for place in (body.box, mark):
            assert (place >= arm_push.PLACE_LOW).all() and (place <= arm_push.PLACE_HIGH).all()
        assert arm_push.APART_M[0] <= math.dist(body.box, mark) <= arm_push.APART_M[1]
        colours = [tuple(body.model.geom(name).rgba[:3]) for name in ('box', 'mark')]
        assert colours[0] != colours[1]
        half = body.model.geom('box').size[0]
        for _ in range(4):
            body.advance()
        assert body.data.body('box').xpos[2] == pytest.approx(half, abs=0.002), 'it lies'
        assert abs(body.reward()) < 0.1


def test_a_box_that_the_arm_cannot_reach_any_more_ends_the_episode(env):
    env.robot.reset(10_000)
    body = env.robot.body
    start = body.model.joint('box').qposadr[0]
    body.data.qpos[start : start + 2] = (0.6, -0.6)
    body.advance()
    assert body.outcome() == 'lost' and body.terminal()
    assert not np.isnan(body.reward())
