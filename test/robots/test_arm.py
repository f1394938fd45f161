# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arm on its table: it moves as asked, sees the ball, reaches it, and ends at the table."""

import mujoco
import numpy as np
import pytest

from world_model_ros.contract import find_robot, load_contract, parse_contract
from world_model_ros.evaluation import ScriptedActor, run_episode
from world_model_ros.robots import BodyError, load_reality, make_env
from world_model_ros.robots.bodies import arm, arm_push, jaco_body, make_body

ROBOT = load_contract(find_robot('arm'))
OPEN_RAD = arm.ArmBody.fingers_rad
SLOW = 0.02  # rad/s: what the motors' velocity loop leaves


def drive(body, command, frames):
    body.apply(np.array(command))
    for _ in range(frames):
        body.advance()


def test_joints_and_fingers_move_as_they_are_asked_and_gravity_moves_nothing(body):
    before = body.joints()
    drive(body, [0.0] * 6 + [OPEN_RAD], 20)
    for name in jaco_body.JOINTS:
        assert body.joints()[name][0] == pytest.approx(before[name][0], abs=0.002)
    drive(body, [0.3, 0.0, 0.0, 0.0, 0.0, -0.4, 1.0], 40)
    after = body.joints()
    assert after['joint_1'][0] - before['joint_1'][0] == pytest.approx(0.3, abs=0.03)
    assert after['joint_1'][1] == pytest.approx(0.3, abs=SLOW)
    assert after['joint_6'][0] - before['joint_6'][0] == pytest.approx(-0.4, abs=0.03)
    assert after['joint_2'][0] == pytest.approx(before['joint_2'][0], abs=0.01)
    assert after['finger'][0] == pytest.approx(1.0, abs=0.05)


def test_the_scripted_controller_reaches_the_ball_and_is_paid_for_the_way(env):
    env.set_reality(None)
    for seed in (10_000, 10_006):
        env.reset(seed)
        body = env.robot.body
        away_m = body.to_ball_m
        result = run_episode(env, ScriptedActor(env), seed)
        assert result.outcome == 'success' and 5 < result.length < 100
        way_m = away_m - body.to_ball_m
        assert result.episode_return == pytest.approx(arm.PER_M * way_m + jaco_body.DONE, abs=1e-6)


def test_touching_the_table_ends_the_episode_and_then_all_stands(body):
    for _ in range(120):
        drive(body, [0.0, -0.6, 0.0, 0.0, 0.0, 0.0, OPEN_RAD], 1)
        if body.terminal():
            break
    assert body.outcome() == 'touch' and body.reward() < jaco_body.FAILED + 1.0
    joints = body.joints()
    drive(body, [0.6] * 6 + [OPEN_RAD], 5)
    assert body.joints() == joints and body.reward() == 0.0


def test_balls_differ_and_each_is_seen_in_colours_and_in_depth(env):
    env.set_reality(None)
    places, sizes, colours = set(), set(), set()
    for seed in range(10_000, 10_012):
        step = env.reset(seed)
        body = env.robot.body
        geom = body.model.geom('ball')
        places.add(tuple(body.data.mocap_pos[0]))
        sizes.add(float(geom.size[0]))
        colours.add(tuple(geom.rgba[:3]))
        with_ball = step.arrays['camera'].astype(int), step.arrays['depth'].astype(int)
        body.data.mocap_pos[0] = (0.0, 5.0, -5.0)
        body.advance()
        without = [
            env.robot.image(ROBOT.stream('camera')).astype(int),
            env.robot.read(ROBOT.stream('depth')).astype(int),
        ]
        for shown, gone in zip(with_ball, without, strict=True):
            assert (np.abs(shown - gone).max(-1) > 20).sum() >= 8, seed
    assert len(places) == len(sizes) == 12 and len(colours) == 4


def test_a_payload_that_the_arm_does_not_know_of_lets_it_sink(env, body):
    sunk_m = []
    for reality in ('nominal', 'payload_arm'):
        env.set_reality(load_reality(reality))
        env.reset(10_000)
        height = body.data.site_xpos[body._hand][2]
        drive(body, [0.0] * 6 + [OPEN_RAD], 80)
        sunk_m.append(height - body.data.site_xpos[body._hand][2])
    assert abs(sunk_m[0]) < 0.0005 and sunk_m[1] > 0.002


def test_longer_fingers_touch_the_table_earlier_and_change_nothing_while_they_are_not_there(
    env, body
):
    def lowered(reality):
        """Height of the hand, which points down, when it touches the table; the frames of it."""
        env.set_reality(None if reality is None else load_reality(reality))
        env.reset(10_000)
        body.data.qpos[:6] = arm_push.ArmPushBody.home_rad
        mujoco.mj_forward(body.model, body.data)
        for frame in range(200):
            drive(body, body._hand_along(np.array([0.0, 0.0, -0.2]), 2.0), 1)
            if body.terminal():
                return body.data.site_xpos[body._hand][2], body.data.qpos.copy(), frame
        raise AssertionError('never touched')

    height, joints, frames = lowered(None)
    longer_height, _, _ = lowered('longer_finger_arm')
    assert 0.02 < longer_height - height < 0.05
    again = lowered(None)
    assert again[2] == frames and np.array_equal(again[1], joints)


@pytest.mark.parametrize('name', ['moved_camera', 'table', 'light', 'dirt', 'longer_finger'])
def test_what_is_seen_changes_and_comes_back(env, body, name):
    camera = ROBOT.stream('camera')
    before = env.robot.image(camera)
    env.set_reality(load_reality(f'{name}_arm'))
    env.reset(10_000)
    assert np.abs(env.robot.image(camera).astype(int) - before).max() > 30
    env.set_reality(None)
    env.reset(10_000)
    assert np.array_equal(env.robot.image(camera), before)


def test_other_kinds_of_commands_and_sensors_are_refused():
    text = ROBOT.text.replace('kind: velocity', 'kind: effort').replace(
        'limits: {acceleration: [3.0, 3.0, 3.0, 4.0, 4.0, 4.0]}',
        'limits: {slew_rate: [9.0, 9.0, 9.0, 9.0, 9.0, 9.0]}\n    gravity_safe: true',
    )
    with pytest.raises(BodyError, match='takes velocity or position, not effort'):
        make_env(parse_contract(text), 0)
    swapped = ROBOT.text
    for old, new in (
        ('kind: position\n    names: [finger]', 'kind: velocity\n    names: [finger]'),
        (
            'limits: {velocity: [2.0]}\n    safe: hold',
            'limits: {acceleration: [2.0]}\n    safe: zero',
        ),
        ('low: [0.15]', 'low: [-0.15]'),
    ):
        assert old in swapped
        swapped = swapped.replace(old, new)
    with pytest.raises(BodyError, match='otherwise for finger'):
        make_body(parse_contract(swapped))
