# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Env: time, offset, guard, rewards and repeatability."""

import dataclasses

import numpy as np
import pytest

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.robots import EnvError, Reality, make_env
from world_model_ros.robots.bodies import BodyError
from world_model_ros.robots.picture_shift import colour_matrix, develop

REACHER = load_contract(find_robot('reacher'))


class _Probe:
    """A body that writes down what it is told; each frame earns what it was told."""

    frame_s = 0.02
    actuators = ('shoulder', 'wrist')

    def __init__(self):
        self.applied = []

    def reset(self, rng):
        self.applied = []
        self.start = rng.random()

    def set_reality(self, reality):
        pass

    def apply(self, command):
        self.command = np.array(command)

    def advance(self):
        self.applied.append(self.command)

    def joints(self):
        return {name: (self.start, float(len(self.applied)), 0.0) for name in self.actuators}

    def render(self, camera, height, width):
        return np.full((height, width, 3), len(self.applied), np.uint8)

    def reward(self):
        return float(self.command[0])

    def terminal(self):
        return False

    def close(self):
        pass


def _contract(offset_ticks=1, rate=1e6, **changes):
    action = dataclasses.replace(REACHER.groups[0], rate_limit=(rate, rate))
    return dataclasses.replace(
        REACHER, groups=(action,), command_offset_s=offset_ticks * REACHER.period_s, **changes
    )


@pytest.mark.parametrize('offset', [1, 2, 3])
def test_action_decided_at_tick_k_moves_the_body_only_after_the_offset(offset):
    body = _Probe()
    env = make_env(_contract(offset), 0, body=body)
    step = env.reset()
    decided = [np.array([0.01, -0.01]) * (k + 1) for k in range(4)]
    for k, action in enumerate(decided):
        assert step.tick == k
        step = env.step(action)
        expected = np.zeros(2) if k < offset else decided[k - offset]
        np.testing.assert_allclose(body.applied[2 * k :], [expected] * 2)
        np.testing.assert_allclose(step.action_sent, expected, rtol=1e-6)
        assert step.reward == pytest.approx(2 * expected[0])
        committed = ([np.zeros(2)] * offset + decided[: k + 1])[-offset:]
        np.testing.assert_allclose(step.pending, committed, rtol=1e-6)


def test_first_step_is_at_rest():
    step = make_env(_contract(), 0, body=_Probe()).reset()
    assert step.is_first and not step.terminal and not step.truncated
    assert (step.tick, step.t_ns, step.reward) == (0, 0, 0.0)
    assert not step.action_sent.any() and step.action_sent.dtype == np.float32
    assert step.pending.shape == (1, 2) and not step.pending.any()


def test_rate_limit_is_part_of_what_was_sent():
    env = make_env(_contract(rate=1.0), 0, body=_Probe())
    env.reset()
    env.step([0.05, 0.05])
    step = env.step([0.05, 0.05])
    np.testing.assert_allclose(step.action_sent, [0.03, 0.03], rtol=1e-6)  # mean of .02 and .04


def test_only_the_first_row_of_a_renewed_chunk_acts():
    env = make_env(_contract(), 0, body=_Probe())
    env.reset()
    env.step([[0.01, 0.0], [0.05, 0.05]])
    step = env.step([[0.02, 0.0], [0.05, 0.05]])
    np.testing.assert_allclose(step.action_sent, [0.01, 0.0], rtol=1e-6)


def test_command_outside_the_contract_is_clipped_and_nan_is_refused():
    env = make_env(_contract(), 0, body=_Probe())
    env.reset()
    env.step([9.0, -9.0])
    np.testing.assert_allclose(env.step([0, 0]).action_sent, [0.05, -0.05], rtol=1e-6)
    with pytest.raises(EnvError, match='NaN'):
        env.step([np.nan, 0.0])


def test_action_delay_holds_commands_back_by_frames_and_may_change_while_running():
    body = _Probe()
    env = make_env(_contract(), 0, Reality(action_delay_frames=1), body=body)
    env.reset()
    for k in range(3):
        env.step([0.01 * (k + 1), 0.0])
    np.testing.assert_allclose([a[0] for a in body.applied], [0, 0, 0, 0.01, 0.01, 0.02])
    env.set_reality(None)
    env.step([0.0, 0.0])
    np.testing.assert_allclose([a[0] for a in body.applied[-2:]], [0.03, 0.03])


def test_frames_and_time_advance_by_the_period():
    env = make_env(_contract(), 0, body=_Probe())
    env.reset()
    step = env.step([0, 0])
    assert step.t_ns == 40_000_000
    assert step.arrays['joints'][2] == 2.0 and step.arrays['camera'].max() == 2


def test_episode_is_truncated_at_max_ticks_and_must_then_be_reset():
    episode = dataclasses.replace(REACHER.episode, max_ticks=3)
    env = make_env(_contract(episode=episode), 0, body=_Probe())
    step = env.reset()
    for _ in range(3):
        assert not step.truncated
        step = env.step([0, 0])
    assert step.truncated and not step.terminal
    with pytest.raises(EnvError, match='reset'):
        env.step([0, 0])


def test_contract_that_does_not_fit_the_body_is_refused_with_the_reason():
    with pytest.raises(BodyError, match='frames_per_tick 3 must be a multiple'):
        make_env(_contract(frames_per_tick=3), 0, body=_Probe())
    with pytest.raises(BodyError, match=r'frames of 0\.02 s'):
        make_env(_contract(frames_per_tick=4), 0, body=_Probe())


def _rollout(env, seed, ticks=25):
    step = env.reset(seed)
    rng = np.random.default_rng(0)
    seen, total = [step.arrays['camera']], 0.0
    for _ in range(ticks):
        step = env.step(rng.uniform(env.contract.action.low, env.contract.action.high))
        seen.append(step.arrays['camera'])
        total += step.reward
    return np.stack(seen), total


@pytest.mark.parametrize('name', ['reacher', 'cartpole'])
def test_same_seed_gives_the_same_pictures_and_returns(name):
    contract = load_contract(find_robot(name))
    env, other = make_env(contract, 0), make_env(contract, 99)
    pictures, total = _rollout(env, 7)
    _rollout(env, 8)
    again, same = _rollout(env, 7)
    elsewhere, alike = _rollout(other, 7)
    assert total == same == alike
    assert np.array_equal(pictures, again) and np.array_equal(pictures, elsewhere)
    assert not np.array_equal(pictures[0], _rollout(env, 8)[0][0])
    env.close()
    other.close()


def test_reset_without_a_seed_goes_on_to_another_start():
    env = make_env(_contract(), 5, body=_Probe())
    first, second = env.reset(), env.reset()
    assert first.arrays['joints'][0] != second.arrays['joints'][0]
    assert env.reset(5).arrays['joints'][0] == first.arrays['joints'][0]


def test_hue_keeps_grey_and_exposure_scales():
    grey = np.full((2, 2, 3), 100, np.uint8)
    assert (
        np.abs(develop(grey, colour_matrix(Reality(camera_hue_rad=0.7))).astype(int) - 100).max()
        <= 1
    )
    assert develop(grey, colour_matrix(Reality(camera_exposure=0.5))).max() == 50
    assert develop(grey, colour_matrix(Reality(camera_exposure=5.0))).max() == 255
    assert develop(grey, colour_matrix(Reality())) is grey


def test_hue_by_a_third_of_the_circle_turns_red_to_green():
    red = np.zeros((1, 1, 3), np.uint8)
    red[..., 0] = 200
    turned = develop(red, colour_matrix(Reality(camera_hue_rad=2 * np.pi / 3)))
    np.testing.assert_array_equal(turned[0, 0], [0, 200, 0])
