# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The bodies are dm_control's: same physics, same rewards, same starts; pictures repeat."""

from dataclasses import replace

import numpy as np
import pytest

from world_model_ros.contract import load_contract
from world_model_ros.robots import BodyError, Reality
from world_model_ros.robots.bodies import make_body

mujoco = pytest.importorskip('mujoco')
suite = pytest.importorskip('dm_control.suite')

from world_model_ros.robots.bodies.mujoco_body import MujocoBody, dm_control_folder


@pytest.mark.parametrize(('name', 'task'), [('reacher', 'easy'), ('cartpole', 'swingup')])
def test_trajectory_and_rewards_equal_those_of_dm_control(name, task):
    reference = suite.load(name, task, task_kwargs={'random': 1})
    reference.reset()
    physics = reference.physics
    body = make_body(load_contract(name))
    body.reset(np.random.default_rng(0))
    body.data.qpos[:], body.data.qvel[:] = physics.data.qpos, physics.data.qvel
    if name == 'reacher':
        physics.named.model.geom_pos['target'] = [0.2, 0.12, 0.01]  # where the finger starts
        body.model.geom_pos[body.model.geom('target').id] = [0.2, 0.12, 0.01]
        body.data.qpos[:] = physics.data.qpos[:] = [0.3, 0.5]
    physics.forward()
    rng = np.random.default_rng(2)
    rewards = []
    for _ in range(300):
        ctrl = rng.uniform(-1, 1, physics.model.nu)
        timestep = reference.step(ctrl)
        body.apply(ctrl * body.model.actuator_gear[:, 0])
        body.advance()
        rewards.append(timestep.reward)
        assert body.reward() == pytest.approx(timestep.reward, abs=1e-9)
    np.testing.assert_allclose(body.data.qpos, physics.data.qpos, atol=1e-9)
    np.testing.assert_allclose(body.data.qvel, physics.data.qvel, atol=1e-9)
    assert np.ptp(rewards) > 0


def test_reacher_touching_its_target_earns_one_as_in_dm_control():
    body = make_body(load_contract('reacher'))
    rng = np.random.default_rng(0)
    earned = []
    for _ in range(300):
        body.reset(rng)
        assert body.frame_s == 0.02
        delta = body.data.geom('target').xpos[:2] - body.data.geom('finger').xpos[:2]
        assert body.reward() == (np.linalg.norm(delta) <= 0.06)
        assert 0.05 <= np.linalg.norm(body.data.geom('target').xpos[:2]) <= 0.20
        assert abs(body.data.qpos[1]) <= np.deg2rad(160)
        earned.append(body.reward())
    assert 0 < np.mean(earned) < 0.5


def test_cartpole_starts_hanging_at_rest_in_the_middle():
    body = make_body(load_contract('cartpole'))
    rng = np.random.default_rng(0)
    starts = []
    for _ in range(300):
        body.reset(rng)
        starts.append([*body.data.qpos, *body.data.qvel])
    np.testing.assert_allclose(np.mean(starts, 0), [0, np.pi, 0, 0], atol=0.003)
    np.testing.assert_allclose(np.std(starts, 0), 0.01, rtol=0.2)


@pytest.mark.parametrize(('name', 'torque'), [('reacher', [0.05, -0.02]), ('cartpole', [7.0])])
def test_effort_is_in_si_units_and_scales_with_motor_strength(name, torque):
    for strength in (1.0, 0.5):
        body = make_body(load_contract(name), Reality(motor_strength=strength))
        body.reset(np.random.default_rng(0))
        body.apply(np.array(torque))
        body.advance()
        efforts = [body.joints()[joint][2] for joint in body.actuators]
        np.testing.assert_allclose(efforts, np.array(torque) * strength)


def test_pictures_follow_the_asked_size_and_repeat_bit_for_bit():
    pictures = []
    for _ in range(2):
        body = make_body(load_contract('reacher'))
        body.reset(np.random.default_rng(4))
        pictures.append([body.render('fixed', h, w) for h, w in ((64, 64), (48, 96), (64, 64))])
        body.close()
    assert [p.shape for p in pictures[0]] == [(64, 64, 3), (48, 96, 3), (64, 64, 3)]
    assert all(np.array_equal(a, b) for a, b in zip(*pictures, strict=True))
    assert np.array_equal(pictures[0][0], pictures[0][2])


def test_target_is_seen_by_the_camera():
    body = make_body(load_contract('reacher'))
    body.reset(np.random.default_rng(4))
    before = body.render('fixed', 64, 64).astype(int)
    body.model.geom_pos[body.model.geom('target').id, :2] *= -1
    body.advance()
    assert np.abs(body.render('fixed', 64, 64) - before).max() > 60
    body.close()


def test_camera_tilt_and_roll_move_the_picture_and_nominal_brings_it_back():
    body = make_body(load_contract('reacher'))
    body.reset(np.random.default_rng(4))
    nominal = body.render('fixed', 64, 64)
    for reality in (Reality(camera_tilt_rad=0.1), Reality(camera_roll_rad=0.3)):
        body.set_reality(reality)
        body.advance()
        assert np.abs(body.render('fixed', 64, 64).astype(int) - nominal).max() > 60
    body.set_reality(Reality())
    body.reset(np.random.default_rng(4))
    assert np.array_equal(body.render('fixed', 64, 64), nominal)
    body.close()


def test_friction_damps_more():
    speeds = []
    for friction in (1.0, 5.0):
        body = make_body(load_contract('reacher'), Reality(friction=friction))
        body.reset(np.random.default_rng(0))
        body.data.qvel[:] = 1.0
        for _ in range(10):
            body.advance()
        speeds.append(abs(body.data.qvel[0]))
    assert speeds[1] < 0.5 * speeds[0]


def test_unknown_body_is_refused_with_those_there_are():
    there = 'arm, arm_push, cartpole, counter, diff_drive, gymnasium, reacher'
    with pytest.raises(BodyError, match=rf'{there}.*world-model train episodes'):
        make_body(replace(load_contract('reacher'), name='walker'))


@pytest.mark.parametrize('name', ['cartpole', 'reacher'])
def test_a_body_without_its_sky_moves_and_looks_as_with_it(name, monkeypatch):
    body = make_body(load_contract(name))
    path = str(dm_control_folder() / 'suite' / body.xml)
    monkeypatch.setattr(MujocoBody, '_compiled', lambda _: mujoco.MjModel.from_xml_path(path))
    whole = make_body(load_contract(name))
    assert whole.model.ntex == body.model.ntex + 1
    pictures = []
    for each in (whole, body):
        each.reset(np.random.default_rng(3))
        each.data.ctrl[:] = 0.5
        for _ in range(20):
            each.advance()
        pictures.append(each.render('camera', 64, 64))
        each.close()
    np.testing.assert_array_equal(whole.data.qpos, body.data.qpos)
    np.testing.assert_array_equal(*pictures)
