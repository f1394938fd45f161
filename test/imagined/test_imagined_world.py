# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The imagined world: the bundle's graphs and nothing else, from a tick of a recording on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import counter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imagined_parts import bundle_folder, world_at, write_episode

from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.experience import to_arrays
from world_model_ros.imagined import ImaginedBody, Known, Recorded, imagined_robot
from world_model_ros.robots import Env, Reality
from world_model_ros.robots.bodies import BodyError


@pytest.fixture(scope='module')
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp('imagined')
    return bundle_folder(folder / 'bundle'), write_episode(folder / 'episodes')


@pytest.fixture(scope='module')
def world(places):
    return world_at(*places)


def actions(count=30):
    return np.random.default_rng(3).uniform(-0.05, 0.05, (count, 2)).astype(np.float32)


def test_it_begins_at_the_belief_that_the_bundle_had_at_this_tick(places, world):
    bundle = load_bundle(places[0])
    world.reset()
    belief = bundle.initial_belief
    arrays = to_arrays(places[1])
    for k in range(61):
        feed = {
            'belief': belief,
            'action_sent': arrays['action_sent'][k : k + 1],
            'is_first': np.full((1, 1), float(k == 0), np.float32),
            'ages': arrays['ages'][k : k + 1],
        }
        feed |= {
            s.graph_input: arrays[f'obs_{s.name}'][k : k + 1] for s in counter.contract().streams
        }
        belief = bundle.run('observe', feed)['belief_out']
    np.testing.assert_array_equal(world.belief, belief)
    assert world.start.tick == 60 and world.start.episode == 'real'
    np.testing.assert_array_equal(world.observation['camera'], arrays['obs_camera'][60])


def test_a_step_is_the_bundles_own_graphs(places, world):
    bundle = load_bundle(places[0])
    world.reset()
    belief = world.belief
    for action in actions(5):
        found = world.step(action)
        after = bundle.run('imagine', {'belief': belief, 'action': action[None]})['belief_out']
        outcome = bundle.run(
            'outcomes', {'belief': belief, 'action': action[None], 'next_belief': after}
        )
        np.testing.assert_array_equal(world.belief, after)
        assert found.reward == outcome['reward'][0]
        assert found.continuation == outcome['continuation'][0]
        drawn = bundle.run('decode', {'belief': after})
        np.testing.assert_array_equal(world.observation['camera'], drawn['obs_camera'][0])
        np.testing.assert_array_equal(world.observation['joints'], drawn['obs_joints'][0])
        belief = after


def test_the_same_actions_give_the_same_world_again(world):
    def life():
        world.reset()
        rows = []
        for action in actions():
            rows.append((world.step(action), world.belief.tobytes(), world.distance))
        return rows

    assert life() == life()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.lists(st.floats(), min_size=2, max_size=2), min_size=1, max_size=8))
def test_whatever_is_commanded_what_comes_out_is_finite_and_in_range(world, commands):
    world.reset()
    for command in commands:
        found = world.step(np.array(command))
        assert np.isfinite(found.reward) and 0.0 <= found.continuation <= 1.0
        assert world.observation['camera'].dtype == np.uint8
        assert np.isfinite(world.observation['joints']).all()
        assert np.isfinite(world.distance) and 0.0 <= world.fade <= 1.0
        assert not world.failure


def test_a_model_that_gives_nan_stands_still_and_is_named(places):
    world = world_at(*places)

    class Broken:
        def run(self, names, feed):
            return [np.full_like(feed['belief'], np.nan)]

    world._graphs._imagine = Broken()
    before = world.belief
    assert np.isnan(world.step(np.zeros(2)).reward)
    assert world.failure == 'imagine' and world.belief is before
    body = ImaginedBody(world)
    assert body.truncated()
    body.reset(np.random.default_rng(0))
    assert not body.truncated()


def test_the_body_averages_the_commands_of_a_period_and_pays_at_its_end(world):
    robot = imagined_robot(world)
    twin_rewards = []
    world.reset()
    for low, high in zip(actions(4), actions(4)[::-1], strict=True):
        twin_rewards.append(world.step((low.astype(float) + high) / 2).reward)
    belief = world.belief
    robot.reset(0)
    rewards = []
    for low, high in zip(actions(4), actions(4)[::-1], strict=True):
        assert robot.advance(low) == 0.0
        rewards.append(robot.advance(high))
    np.testing.assert_allclose(rewards, twin_rewards, rtol=1e-5)
    np.testing.assert_allclose(world.belief, belief, rtol=1e-5)


def test_it_is_an_environment_like_any_other(world):
    env = Env(world.contract, 0, body=ImaginedBody(world))
    step = env.reset()
    assert step.observation.valid and world.steps == 0
    for action in actions(10):
        step = env.step(action)
        # The tiny bundle predicts the end of the task with its reward's sign.
        if step.terminal:
            break
        assert np.isfinite(step.reward)
        np.testing.assert_array_equal(step.arrays['camera'], world.observation['camera'])
    assert world.steps == step.tick
    env.close()


def test_another_reality_is_refused(world):
    with pytest.raises(BodyError, match=r'reality .slow.: an imagined robot lives in what'):
        ImaginedBody(world).set_reality(Reality(name='slow', action_delay_frames=2))


def test_a_bundle_that_cannot_draw_leaves_pictures_out_and_says_so(places, tmp_path):
    world = world_at(bundle_folder(tmp_path / 'blind', without=('decode', 'outcomes')), places[1])
    assert [lack.partition(':')[0] for lack in world.lacks] == [
        'no pictures and no joints',
        'no rewards and no end of the task',
    ]
    assert np.isnan(world.step(np.zeros(2)).reward) and not world.failure
    robot = imagined_robot(world)
    assert np.isnan(robot.advance(np.zeros(2)) + robot.advance(np.zeros(2)))
    assert not robot.terminal()


def test_a_bundle_of_format_1_judges_its_own_picture(places):
    world = world_at(find_bundle('reacher'), places[1])
    assert world.bundle.manifest['format'] == 1 and world.lacks == ()
    for action in actions(5):
        found = world.step(action)
        assert np.isfinite(found.reward) and 0.0 <= found.continuation <= 1.0
    assert not world.failure


def test_what_is_near_to_recordings_is_known_and_what_is_far_fades(world):
    world.reset()
    known = world.known
    assert world.distance < 1e-3 and world.fade == 0.0
    assert known.fade(known.limit) == 0.0
    assert known.fade(1.5 * known.limit) == pytest.approx(0.5)
    assert known.fade(9.0 * known.limit) == 1.0
    world.belief = world.belief + 10.0
    world._distance = None
    assert world.distance > known.limit and world.fade == 1.0


def test_too_few_ticks_tell_nothing_of_what_is_far(places, tmp_path):
    world = world_at(places[0], write_episode(tmp_path, 'short', 20), row=10)
    assert np.isnan(world.known.limit) and np.isnan(world.fade)
    assert np.isfinite(world.distance)


def test_a_number_that_hardly_ever_moves_does_not_decide_alone():
    """A few ticks of a fast motion once made the limit of cartpole twenty times too wide."""

    class Still:
        def run(self, names, feed):
            return [feed['belief']]

    count, moving, quiet = 400, 8, 12
    rng = np.random.default_rng(0)
    beliefs = np.zeros((count, moving + quiet), np.float32)
    beliefs[:, :moving] = rng.normal(size=(count, moving))
    for i in range(quiet):
        beliefs[30 * i, moving + i] = 0.1  # once each
    zeros = np.zeros(count, bool)
    arrays = {
        'tick': np.arange(count),
        'is_first': zeros,
        'gap': zeros,
        'action_sent': np.zeros((count, 2), np.float32),
    }
    bundle = SimpleNamespace(
        capabilities={'imagine': Still()}, manifest={}, contract=counter.contract()
    )
    known = Known([Recorded(Path('x'), 'x', 'r', arrays, beliefs)], bundle)
    far = beliefs[1:2].copy()
    far[:, :moving] += 3.0
    assert known.fade(known.distance(beliefs[7:8])) == 0.0
    assert known.fade(known.distance(far)) > 0.5
