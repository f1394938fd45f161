# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A new robot without any model: explores or is driven, is recorded, and gets its first bundle."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('mujoco')

from robot_processes import tiny_bundle
from swap_robot import SwapRobot, reacher

from world_model_ros.experience import check_episode, to_arrays
from world_model_ros.nodes import _common, _wire

pytestmark = pytest.mark.ros


def test_robot_without_a_model_explores_until_its_first_bundle_acts(tmp_path, domain):
    path, contract = reacher(tmp_path)
    episodes = tmp_path / 'episodes'
    reach = 0.2 * contract.high
    with SwapRobot(domain, tmp_path, path, contract) as robot:
        robot.start('recorder', contract=path, use_sim_time=True, directory=episodes)
        robot.go(explore=True, explore_amplitude=0.2, explore_std=0.1, evaluate_every=2)
        robot.until_recorder_hears()
        robot.until_recorder_hears_the_agent()
        begun = {t.episode for t in robot.ticks}

        def acted():
            return (t for t in robot.acted() if t.episode not in begun)

        explored = robot.until(
            # Guard and recorder may meet the others later than we do: not what began before.
            lambda: next((t.episode for t in acted() if t.last and t.sent.any()), None),
            'a whole episode with the guard and the recorder',
        )
        for tick in robot.acted():
            assert tick.source == 'explore' and tick.explore and not tick.eval
            assert np.all(np.abs(tick.asked) <= reach + 1e-9)
        assert robot.releases[-1]['acting'] is None

        bundle = tiny_bundle(tmp_path / 'first', contract)
        assert robot.hand(bundle, 1).successful
        robot.until_acts(1)
        robot.until(lambda: {t.eval for t in robot.acted()} == {True, False}, 'an evaluation')
        planned = [t for t in robot.acted() if t.release == 1]
        assert {t.source for t in planned} <= {'plan', 'policy'}
        assert all(t.eval != t.explore for t in planned)
        robot.until(lambda: (episodes / explored).is_dir(), 'a sealed episode of the collector')
    assert check_episode(episodes / explored, rebuilt=True) == []
    arrays = to_arrays(episodes / explored)
    assert arrays['observed'].all() and arrays['explore'].all()
    assert np.abs(arrays['action_sent']).max() > 0.0


def test_episodes_that_a_person_drove_are_recorded_with_what_the_guard_sent(tmp_path, domain):
    path, contract = reacher(tmp_path)
    episodes = tmp_path / 'episodes'
    with SwapRobot(domain, tmp_path, path, contract) as robot:
        teleop = robot.node.create_publisher(
            _wire.JointTrajectory, 'guard/teleop', _common.RELIABLE_QOS
        )
        robot.start('recorder', contract=path, use_sim_time=True, directory=episodes)
        robot.start('sim_robot', contract=path)
        robot.start('guard', contract=path, use_sim_time=True)
        robot.start('agent', contract=path, use_sim_time=True, robot_id='r', explore=True)
        robot.listen()
        robot.until_recorder_hears()
        robot.activate_guard()  # a person drives; the agent stays in shadow
        robot.until_recorder_hears_the_agent()
        begun = {t.episode for t in robot.ticks}

        def drive(done):
            teleop.publish(_wire.chunk_message(contract, 0, [[0.03, -0.02]]))
            return done()

        def driven():
            """An episode that was driven from its first tick to its last, and recorded."""
            for last in (t for t in robot.ticks if t.last and t.episode not in begun):
                ticks = [t for t in robot.ticks if t.episode == last.episode]
                by_hand = all(t.source == 'teleop' for t in ticks[1:]) and ticks[0].first
                if by_hand and (episodes / last.episode).is_dir():
                    return last.episode
            return None

        episode = robot.until(lambda: drive(driven), 'an episode driven by hand')
        assert {source for _, source, _ in robot.sent[-10:]} == {'teleop'}
    assert check_episode(episodes / episode, rebuilt=True) == []
    arrays = to_arrays(episodes / episode)
    assert arrays['observed'].all() and arrays['intervention'][1:].all()
    sent, asked = arrays['action_sent'], np.array([0.03, -0.02])
    np.testing.assert_allclose(sent[2:], np.tile(asked, (len(sent) - 2, 1)), rtol=1e-6)
    # The person may have taken over only now: the guard blends from what it sent before.
    part = sent[1] / asked
    assert 0.0 < part[0] <= 1.0 + 1e-6
    np.testing.assert_allclose(part[1], part[0], rtol=1e-6)


def test_neither_bundle_nor_leave_to_explore_is_refused_with_both_remedies(tmp_path, domain):
    path, contract = reacher(tmp_path)
    with SwapRobot(domain, tmp_path, path, contract) as robot:
        robot.start('agent', contract=path, robot_id='r')
        robot.until(lambda: 'unconfigured' in robot.status('/agent')[1], 'diagnostics')
        robot.until(lambda: 'explore' in robot.logs(), 'the reason')
        assert 'parameter bundle is empty' in robot.logs()
