# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Another bundle takes over while a robot of real processes acts, or is refused, or is undone."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('mujoco')

import swap_robot
from lifecycle_msgs.msg import Transition
from robot_processes import tiny_bundle
from swap_robot import SwapRobot, reacher

from world_model_ros.contract import find_robot, load_contract

pytestmark = pytest.mark.ros


def test_other_weights_take_over_between_episodes_and_act_differently(tmp_path, domain):
    path, contract = reacher(tmp_path)
    old = tiny_bundle(tmp_path / 'old', contract)
    new = tiny_bundle(tmp_path / 'new', contract, seed=1)
    with SwapRobot(domain, tmp_path, path, contract) as robot:
        robot.go(bundle=old, plan=False)
        robot.first_tick(0)
        assert robot.hand(new, 7).successful
        robot.until_acts(7)
        tick, observation = robot.first_tick(7)
        np.testing.assert_allclose(tick.asked, robot.action(new, tick, observation), atol=1e-6)
        difference = robot.action(old, tick, observation) - tick.asked
        assert np.abs(difference).max() > 1e-3
        releases = [t.release for t in robot.acted()]
        assert releases == sorted(releases) and set(releases) == {0, 7}
        assert next(t for t in robot.acted() if t.release == 7).first
        assert {told['acting']['release'] for told in robot.releases} == {0, 7}
        assert robot.releases[-1]['previous']['bundle'] == str(old)
        episode = next(e for e in robot.announced if e['uuid'] == tick.episode)
        assert episode['bundle']['digest'] == robot.releases[-1]['acting']['bundle_sha']
        assert episode['release'] == 7


def test_weights_that_are_not_finite_are_left_at_the_first_tick(tmp_path, domain):
    path, contract = reacher(tmp_path, swap_robot.SEGMENTS)
    old = tiny_bundle(tmp_path / 'old', contract)
    broken = swap_robot.with_nan(tiny_bundle(tmp_path / 'broken', contract, seed=1), contract)
    with SwapRobot(domain, tmp_path, path, contract) as robot:
        robot.go(bundle=old, plan=False)
        assert robot.hand(broken, 8).successful
        told = robot.until_told('a roll-back', lambda told: told['rolled_back'])
        assert told['rolled_back']['release'] == 8 and 'policy' in told['rolled_back']['reason']
        assert told['acting']['bundle'] == str(old) and told['previous'] is None
        seen = len(robot.ticks)
        robot.until(lambda: len(robot.ticks) > seen + 10, 'more ticks')
        assert {t.release for t in robot.acted()} == {0}
        assert all(np.isfinite(t.asked).all() for t in robot.acted())
        # safe: a busy machine had the guard wait for the agent
        assert {t.source for t in robot.acted()} - {'safe'} == {'policy'}

        # Parameters name what was handed over last; what was left does not come in by that door,
        # even if its directory is no more.
        shutil.rmtree(broken)
        assert robot.change_state(Transition.TRANSITION_DEACTIVATE)
        assert robot.change_state(Transition.TRANSITION_CLEANUP)
        told = len(robot.releases)
        assert robot.change_state(Transition.TRANSITION_CONFIGURE)
        robot.until(lambda: len(robot.releases) > told, 'what acts after a new start')
        assert robot.releases[-1]['acting']['bundle'] == str(old)


def test_bundles_that_are_no_use_are_named_and_the_old_one_acts_on(tmp_path, domain):
    path, contract = reacher(tmp_path)
    old = tiny_bundle(tmp_path / 'old', contract)
    flipped = tiny_bundle(tmp_path / 'flipped', contract, seed=1)
    weights = bytearray((flipped / 'weights.bin').read_bytes())
    weights[3] ^= 1
    (flipped / 'weights.bin').write_bytes(weights)
    other = tiny_bundle(tmp_path / 'other', load_contract(find_robot('cartpole')))
    with SwapRobot(domain, tmp_path, path, contract) as robot:
        robot.go(bundle=old)
        nowhere = robot.hand(tmp_path / 'nowhere', 1)
        assert not nowhere.successful and 'manifest.json' in nowhere.reason
        for bundle, release, word in ((flipped, 2, 'weights.bin'), (other, 3, 'interface')):
            assert robot.hand(bundle, release).successful  # it looks like a bundle
            told = robot.until_told(
                f'a refusal of {bundle}',
                lambda told, n=release: (
                    (told['candidate'] or {}).get('release') == n
                    and told['candidate']['state'] == 'refused'
                ),
            )
            assert word in told['candidate']['reason']
            assert told['acting']['bundle'] == str(old)
        seen = len(robot.ticks)
        robot.until(lambda: len(robot.ticks) > seen + 20, 'more ticks')
        assert {t.release for t in robot.ticks} == {0}


def test_robot_without_resets_swaps_at_a_segment_and_at_the_operators_word(tmp_path, domain):
    path, contract = reacher(tmp_path, swap_robot.SEGMENTS)
    old = tiny_bundle(tmp_path / 'old', contract)
    with SwapRobot(domain, tmp_path, path, contract) as robot:
        robot.go(bundle=old)
        assert not robot.call('agent/swap_now').success
        robot.hand(tiny_bundle(tmp_path / 'new', contract, seed=1), 5)
        robot.until_acts(5)
        ticks = robot.acted()
        numbers = [t.tick for t in ticks]
        assert numbers == sorted(set(numbers))  # a busy machine skips some; none begins again
        swapped = next(k for k, t in enumerate(ticks) if t.release == 5)
        skipped = numbers[swapped] - numbers[swapped - 1] > 1
        assert (ticks[swapped - 1].last or skipped) and not ticks[swapped].first

        robot.hand(tiny_bundle(tmp_path / 'third', contract, seed=2), 6)
        robot.until(lambda: robot.call('agent/swap_now').success, 'a candidate to swap to')
        robot.until_acts(6)
